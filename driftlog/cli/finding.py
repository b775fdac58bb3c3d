"""One thing that ``driftlog doctor`` looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Finding", "Status"]

Status = Literal["ok", "warning", "wrong", "skipped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, and what to do about it.

    Attributes:
        check: what was looked at.
        status: ``wrong`` keeps the monitor from working or from being right; ``warning`` limits
            what it can see; ``skipped`` could not be looked at.
        found: what was seen there.
        mend: what to do; empty where there is nothing to do.
    """

    check: str
    status: Status
    found: str
    mend: str = ""

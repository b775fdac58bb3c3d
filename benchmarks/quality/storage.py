"""Findings kept as JSON, and completed by those of runs before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from pathlib import Path

import msgspec

from benchmarks.quality.claims import claims
from benchmarks.quality.findings import Findings
from benchmarks.quality.kinds import KINDS
from benchmarks.quality.quiet import Quiet

__all__ = ["completed", "load", "save"]


def save(found: Findings, file: Path) -> None:
    """Write everything as JSON, with the claims for whoever reads no more than these."""
    told = {"claims": claims(found), **msgspec.to_builtins(found)}
    file.write_bytes(msgspec.json.format(msgspec.json.encode(told), indent=1) + b"\n")


def load(file: Path) -> Findings | None:
    """Read what `save` wrote; None where there is no such file, or of another make."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Findings)
    except (OSError, msgspec.DecodeError):
        return None


def completed(found: Findings, before: Findings | None) -> Findings:
    """Parts not run are those of before, if plan, seed, machine and versions are equal.

    Quiet data are kept kind by kind, so that a long run can be made of several.
    """

    def alike(one: Findings) -> dict[str, str]:
        return {name: value for name, value in one.conditions.items() if name != "day"}

    if before is None or alike(before) != alike(found):
        return found
    kept = {
        part.name: getattr(found, part.name) or getattr(before, part.name) for part in fields(found)
    }
    kept["conditions"] = found.conditions
    kept["quiet"] = _by_kind([*before.quiet, *found.quiet])
    return replace(found, **kept)


def _by_kind(runs: Iterable[Quiet]) -> list[Quiet]:
    """The last run of each kind, reference and expectation, in the order of the tables."""
    last = {(-one.reference, list(KINDS).index(one.kind), -one.expected): one for one in runs}
    # The default budget expects next to nothing, and comes last.
    return [last[key] for key in sorted(last)]

"""What a process takes of the machine, as Linux tells it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["Usage", "usage"]

_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """A process at one moment."""

    rss_mb: float
    peak_mb: float  # the highest of its life
    cpu_s: float  # user and system, of its life
    files: int  # open descriptors
    threads: int


def usage(pid: int) -> Usage:
    """Look at a process.

    Raises:
        FileNotFoundError: there is none of that number.
    """
    process = Path(f"/proc/{pid}")
    status = dict(
        line.split(":", 1) for line in (process / "status").read_text().splitlines() if ":" in line
    )
    times = (process / "stat").read_text().rpartition(")")[2].split()
    return Usage(
        rss_mb=int(status["VmRSS"].split()[0]) / 1024,
        peak_mb=int(status["VmHWM"].split()[0]) / 1024,
        cpu_s=(int(times[11]) + int(times[12])) / _TICKS,
        files=len(list((process / "fd").iterdir())),
        threads=int(status["Threads"]),
    )

"""Where and with what a benchmark ran: figures without it say little."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

__all__ = ["conditions"]

_PACKAGES = ("numpy", "numba", "scipy", "river")


def conditions(seed: int, plan: str) -> dict[str, str]:
    """Machine, versions, seed and day, as texts."""
    return {
        "day": datetime.now(UTC).strftime("%Y-%m-%d"),
        "plan": plan,
        "seed": str(seed),
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()

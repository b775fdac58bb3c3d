"""The figures of the last long run of each row, kept beside the code, and their table."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tests.chaos.row import Report, Row

__all__ = ["RESULTS", "load", "markdown", "save"]

RESULTS: Final = Path(__file__).parent / "results"


def save(report: Report, folder: Path) -> None:
    """Write what a run found, with its conditions, to ``folder``."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    found = {
        "at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit.stdout.strip() or "unknown",
        "conditions": f"{os.cpu_count()} cores, Python {platform.python_version()}",
        "seconds": round(report.seconds),
        "figures": report.figures,
        "failed": report.failed,
    }
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(found, indent=2, ensure_ascii=False)
    (folder / f"{report.name}.json").write_text(f"{text}\n", encoding="utf-8")


def load(name: str, folder: Path = RESULTS) -> dict[str, Any] | None:
    """Return what the last long run of a row found; None if there was none."""
    path = folder / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def markdown(rows: Mapping[str, Row]) -> str:
    """Return the table of all rows with the figures of their last long runs."""
    lines = [
        "| command | fault | dose | must hold | last run |",
        "|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        lines.append(
            f"| `make chaos ARGS={name}` | {row.fault} | {row.dose} | {row.holds} | {_run(name)} |"
        )
    return "\n".join(lines) + "\n"


def _run(name: str) -> str:
    found = load(name)
    if found is None:
        return "not run yet"
    told = [f"{what}: {value}" for what, value in found["figures"].items()]
    told += [f"**does not hold**: {what}" for what in found["failed"]]
    told.append(f"({found['at']}, {found['commit']}, {found['conditions']}, {found['seconds']} s)")
    return "; ".join(told).replace("|", "\\|").replace("\n", " ")

"""The dashboards as files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from grafana.fleet import fleet
from grafana.links import CONSOLE
from grafana.model import model
from grafana.pipeline import pipeline
from grafana.signals import signal

__all__ = ["FOLDER", "dashboards", "written"]

FOLDER: Final = Path(__file__).parent / "dashboards"


def dashboards(console: str = CONSOLE) -> dict[str, dict[str, Any]]:
    """Return each dashboard by its name.

    Args:
        console: where the console answers, without a slash at the end.
    """
    makers = {"fleet": fleet, "model": model, "signal": signal, "pipeline": pipeline}
    return {name: make(console) for name, make in makers.items()}


def written(console: str = CONSOLE) -> dict[str, str]:
    """Return the text of each file by its name."""
    return {
        f"{name}.json": json.dumps(board, indent=2, ensure_ascii=False) + "\n"
        for name, board in dashboards(console).items()
    }

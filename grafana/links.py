"""Ways on: from the fleet to a model, to a signal, and to the console.

Names come from the log and may hold anything, so each is percent-encoded where it becomes part of
an address.
"""

from __future__ import annotations

from typing import Any, Final

__all__ = ["CONSOLE", "board_uid", "to_console", "to_model", "to_signal"]

CONSOLE: Final = "http://127.0.0.1:8090"
_KEPT: Final = "${datasource:queryparam}&${job:queryparam}&${__url_time_range}"


def board_uid(name: str) -> str:
    """Return the uid of a dashboard, which its address holds."""
    return f"driftlog-{name}"


def column(label: str) -> str:
    """Return a table's cell of the same row, encoded."""
    return f"${{__data.fields.{label}:percentencode}}"


def label(name: str) -> str:
    """Return a label of the series, encoded."""
    return f"${{__field.labels.{name}:percentencode}}"


def chosen(variable: str) -> str:
    """Return a variable's value, encoded."""
    return f"${{{variable}:percentencode}}"


def to_model(model: str, version: str) -> dict[str, Any]:
    """Return a link to the Model dashboard; the arguments are encoded already."""
    url = f"/d/{board_uid('model')}?var-model={model}&var-version={version}&{_KEPT}"
    return {"title": "This model", "url": url}


def to_signal(model: str, version: str, segment: str, signal: str) -> dict[str, Any]:
    """Return a link to the Signal dashboard."""
    names = f"var-model={model}&var-version={version}&var-segment={segment}&var-signal={signal}"
    return {"title": "This signal", "url": f"/d/{board_uid('signal')}?{names}&{_KEPT}"}


def to_console(model: str, version: str, segment: str = "", signal: str = "") -> dict[str, Any]:
    """Return a link to the page of a model, a series or a signal in the console."""
    path = f"/models/{model}/{version}"
    path += f"/{segment}" if segment else ""
    path += f"/signals/{signal}" if signal else ""
    return {"title": "In the console", "url": f"${{console:raw}}{path}", "targetBlank": True}

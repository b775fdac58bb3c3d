"""Views as HTML: whole pages for the first paint, and their sections for what comes after.

A page is complete when it arrives; no script is needed to read it. Its live parts are the blocks
``live_*`` of its template, each in an element with the attribute ``data-live`` and the block's
name. `sections` renders these alone: a stream sends those whose HTML differs from what it sent
last, and the page's script puts them where they belong. So there is one template of everything,
and what a page shows is the same however it came there.

Everything in a view may come from the log and is hostile: Jinja escapes it, and control and format
characters are shown as escapes, as in a terminal.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from api.console import drawing, wording
from api.console.views import (
    Events,
    Fleet,
    Incident,
    Incidents,
    Model,
    Page,
    Pipeline,
    Signal,
)
from driftlog.printable import printable
from driftlog.wording import figure

__all__ = ["STATIC", "page", "plain_page", "sections"]

_FOLDER: Final = Path(__file__).parent
STATIC: Final = _FOLDER / "static"  # what is served under /static/

_TEMPLATES: Final = {
    Fleet: "fleet.html",
    Model: "model.html",
    Signal: "signal.html",
    Incidents: "incidents.html",
    Incident: "incident.html",
    Pipeline: "pipeline.html",
    Events: "events.html",
}
_LIVE: Final = "live_"


def page(view: Page) -> str:
    """Return the whole document of a view.

    Raises:
        KeyError: the view is of no page.
    """
    return _environment().get_template(_TEMPLATES[type(view)]).render(_context(view))


def sections(view: Page) -> dict[str, str]:
    """Return the HTML inside each live element of a view's page, by the element's ``data-live``.

    Two views that show the same give the same, whenever they were made: times that pass by
    themselves are the script's.

    Raises:
        KeyError: the view is of no page.
    """
    environment = _environment()
    context = _context(view)
    found = {}
    for name in ("base.html", _TEMPLATES[type(view)]):
        template = environment.get_template(name)
        for block, render in template.blocks.items():
            if block.startswith(_LIVE):
                found[block] = "".join(render(template.new_context(context)))
    return found


def plain_page(view: Page, template: str, **more: Any) -> str:
    """Return a document that does not change while it is looked at.

    Args:
        view: what the bar on top shows, and the title.
        template: ``runbook.html`` (with ``body``, HTML that is safe) or ``error.html`` (with
            ``status`` and ``words``).
        more: what the template shows besides.
    """
    # Of the pipeline's news it takes the bar alone; its own link names no view.
    context = {**_context(view), "stream_link": "/pipeline", **more}
    return _environment().get_template(template).render(context)


def _context(view: Page) -> dict[str, Any]:
    return {"view": view, "now": view.now_ms}


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.finalize = _shown
    environment.filters |= {
        "count": "{:,}".format,
        "figure": figure,
        "percent": wording.percent,
        "lasting": wording.coarsely,
        "slug": lambda state: str(state).replace(" ", "-"),
        "moment": _moment,
        "stamp": _stamp,
        "json_data": _json_data,
    }
    environment.globals |= {
        "bar_width": drawing.bar_width,
        "spark": drawing.spark,
        "lane": drawing.lane,
        "pairs": drawing.pairs,
        "chart": drawing.chart,
        "states": wording.STATES,
        "asset": _asset,
    }
    environment.globals["parts"] = environment.get_template("parts.html").module
    return environment


def _shown(value: Any) -> Any:
    """What a template puts into a page: text without characters that move other text about."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return printable(value)
    return value


def _at(ms: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(ms / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return None  # beyond year 9999, of a hostile event


def _moment(ms: int) -> str:
    """Write a time in UTC, to the second."""
    at = _at(ms)
    return f"{at:%Y-%m-%d %H:%M:%S}" if at else f"{ms} ms"


def _stamp(ms: int) -> str:
    """Write a time as HTML wants it."""
    at = _at(ms)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z" if at else ""


def _json_data(value: Mapping[str, Any]) -> Markup:
    """Write JSON for a ``<script type="application/json">``, which nothing in it can end."""
    text = msgspec.json.encode(value).decode()
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704 - escaped above


@cache
def _asset(name: str) -> str:
    """Path of a file under ``static/``, which changes when the file does."""
    digest = sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"

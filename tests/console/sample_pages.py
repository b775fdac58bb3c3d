"""A view of every page, of the tests' story, and of one with hostile names."""

from __future__ import annotations

from api.console.feed import events
from api.console.fleet import fleet
from api.console.incident import incident, incidents
from api.console.known import Known
from api.console.model import model
from api.console.pipeline import pipeline
from api.console.signal import signal
from api.console.views import Page
from driftlog.records import SignalState
from tests.api.console import samples
from tests.api.console.samples import Sample
from tests.hostile_names import HOSTILE

__all__ = ["NAMES", "hostile_story", "hostile_views", "views"]

NAMES = [name[:256] for name in HOSTILE.values()]


def views(
    known: Known,
    alert_id: str,
    name: str = samples.MODEL,
    version: str = "3",
    one_signal: str = "temp",
) -> dict[str, Page]:
    """Return a view of every page, by the page's name."""
    found = {
        "fleet": fleet(known),
        "model": model(known, name, version),
        "signal": signal(known, name, version, "*", one_signal),
        "incidents": incidents(known),
        "incident": incident(known, alert_id),
        "pipeline": pipeline(known),
        "events": events(known),
    }
    assert all(found.values()), found
    return {page: view for page, view in found.items() if view is not None}


def hostile_story() -> list[Sample]:
    """Return records where model, version, signals and texts are chosen to do harm."""
    bad, version = HOSTILE["html"], HOSTILE["quotes"]
    told = [samples.reference(bad, version)]
    for pane in range(58, 60):
        signals = tuple(samples.quiet(name, pane, SignalState.DRIFT) for name in NAMES)
        told.append(samples.verdict(pane, signals, model=bad, version=version))
    told += [
        samples.alert(
            59,
            alert_id="0123456789abcdef",
            model=bad,
            versions=(version,),
            title=bad + HOSTILE["right to left"],
            advice=bad,
            samples_before=tuple(NAMES),
        ),
        samples.action(
            alert_id="0123456789abcdef",
            model=bad,
            by=bad,
            note=bad + HOSTILE["escape sequences"],
        ),
    ]
    return told


def hostile_views() -> dict[str, Page]:
    """Return the views of that."""
    bad, version = HOSTILE["html"], HOSTILE["quotes"]
    return views(samples.known(hostile_story()), "0123456789abcdef", bad, version, bad)

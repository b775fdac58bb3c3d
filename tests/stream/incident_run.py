"""Incidents run pane by pane, as the partition of verdicts runs them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from driftlog.records import Alert, Verdict
from driftlog.settings import Settings
from stream.incidents import ModelIncidents
from tests.stream.verdict_factory import MODEL, PANE, settings

USUAL = settings()


def apply(
    state: ModelIncidents, verdicts: Sequence[Verdict], chosen: Settings = USUAL
) -> list[Alert]:
    return state.apply(verdicts[0].pane_end_ms, verdicts, chosen)


def run(panes: Iterable[Sequence[Verdict]], chosen: Settings = USUAL) -> list[Alert]:
    state = ModelIncidents(MODEL)
    return [alert for verdicts in panes for alert in apply(state, verdicts, chosen)]


def told(alerts: Iterable[Alert]) -> list[tuple[str, int]]:
    """Status and the number of the pane."""
    return [(a.status.value, a.pane_end_ms // PANE - 1) for a in alerts]

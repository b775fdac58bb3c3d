"""Real rows in their own order, as a user would live with them: after an incident, a new reference.

Row numbers are the time, so that real gaps and ties have no say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import numpy as np

from benchmarks.quality.real import Table
from driftlog.records import Alert, AlertStatus
from driftlog.settings import Duration, Settings
from stream.rehearsal import Rehearsal

__all__ = ["Told", "calendar_settings", "walk"]

_ROW_MS = 1000  # of event time


@dataclass(frozen=True, slots=True)
class Told:
    """One alert record: row of its onset, row at the end of its pane, and the record.

    onsets: the rows at which each of its signals began to drift; the incident's own is the first
    of all that ever belonged to it, so that news of a further change show here alone.
    """

    onset: int
    onsets: tuple[int, ...]
    end: int
    alert: Alert


def _settings(pane_rows: int, row_ms: int) -> Settings:
    base = Settings()
    stream = msgspec.structs.replace(base.stream, pane=Duration(row_ms * pane_rows))
    return msgspec.structs.replace(base, stream=stream)


def calendar_settings(pane_rows: int, row_ms: int) -> Settings:
    """The defaults, for panes of so many rows that come at the pace they did."""
    usual = _settings(pane_rows, row_ms)
    detection = msgspec.structs.replace(usual.detection, expected_rate=1000.0 / row_ms)
    return msgspec.structs.replace(usual, detection=detection)


def walk(
    table: Table,
    reference: tuple[int, int],
    pane_rows: int,
    accepted: int,
    advance: Callable[[int], None] = lambda _: None,
    row_ms: int | None = None,
) -> list[Told]:
    """Replay a table from the end of its reference on; return all alerts but resolutions.

    Args:
        table: rows in order of time.
        reference: first row of the first reference, and the row after its last.
        pane_rows: rows of a pane.
        accepted: rows from an incident's onset that the next reference is made of; it takes effect
            as soon as they have been seen.
        advance: told the values done.
        row_ms: event time from one row to the next, so that the budget's month is one of the
            calendar; none: a row a second, and the rate that is counted on where none is known.
    """
    step = row_ms or _ROW_MS
    settings = calendar_settings(pane_rows, step) if row_ms else _settings(pane_rows, step)
    sample = table.sample()
    begun = reference[1]  # the row at which this reference took effect
    rehearsal = Rehearsal(table.profile(np.arange(*reference)), settings)
    waiting: list[int] = []  # onsets whose rows make the next references
    found: list[Told] = []
    for at in range(begun, len(table), pane_rows):
        while waiting and waiting[0] + accepted <= at:
            onset = waiting.pop(0)
            profile = table.profile(np.arange(onset, onset + accepted))
            rehearsal, begun = Rehearsal(profile, settings), at
        picks = np.arange(at, min(at + pane_rows, len(table)))
        pane = rehearsal.step(sample.prepared(rehearsal.preparation, picks))
        for alert in pane.alerts:
            if alert.status is AlertStatus.RESOLVED:
                continue
            onset = begun + alert.onset.ts_ms // step
            onsets = tuple(begun + one.onset.ts_ms // step for one in alert.signals)
            found.append(Told(onset, onsets, at + len(picks), alert))
            if alert.status is AlertStatus.FIRING:
                waiting.append(onset)
        advance(len(picks) * len(table.columns))
    return found

"""Real rows in their own order, as a user would live with them: after an incident, a new reference.

Row numbers are the time, so that real calendars, gaps and ties have no say.
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

__all__ = ["Told", "walk"]

_ROW_MS = 1000  # of event time: a row a second


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


def walk(
    table: Table,
    reference: tuple[int, int],
    pane_rows: int,
    accepted: int,
    advance: Callable[[int], None] = lambda _: None,
) -> list[Told]:
    """Replay a table from the end of its reference on; return all alerts but resolutions.

    Args:
        table: rows in order of time.
        reference: first row of the first reference, and the row after its last.
        pane_rows: rows of a pane.
        accepted: rows from an incident's onset that the next reference is made of; it takes effect
            as soon as they have been seen.
        advance: told the values done.
    """
    base = Settings()
    stream = msgspec.structs.replace(base.stream, pane=Duration(_ROW_MS * pane_rows))
    settings = msgspec.structs.replace(base, stream=stream)
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
            onset = begun + alert.onset.ts_ms // _ROW_MS
            onsets = tuple(begun + one.onset.ts_ms // _ROW_MS for one in alert.signals)
            found.append(Told(onset, onsets, at + len(picks), alert))
            if alert.status is AlertStatus.FIRING:
                waiting.append(onset)
        advance(len(picks) * len(table.columns))
    return found

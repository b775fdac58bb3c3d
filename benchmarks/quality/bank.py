"""Two and a half years of a bank's calls, with four changes that are on record.

UCI Bank Marketing (Moro, Cortez, Rita 2014): calls in order of time, with a static model's score.
The reference is June 2008; after each incident a new one is accepted from the 2,000 rows after its
onset, as a user would.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from benchmarks.quality.real import from_arrow
from driftlog.records import AlertStatus
from driftlog.settings import Duration, Settings
from stream.rehearsal import Rehearsal

__all__ = ["CHANGES", "Bank", "Incident", "measure_bank"]

CHANGES = {
    12_137: "July 2008",
    23_997: "October 2008: crisis, campaign pause",
    27_690: "March 2009: euribor 3.1 to 1.8",
    36_224: "June 2009: employment rate, calls down to an eighth",
}
_BORDERS = (
    *(18_822, 24_064, 27_680, 27_972, 30_430, 36_939, 37_117, 37_887, 38_154, 38_601, 38_958),
    *(39_130, 39_394, 39_568, 39_780, 40_009, 40_320, 40_553, 40_856, 41_060),
)
_SIGNALS = ("score", "confidence", "age", "campaign", "job", "education", "euribor3m")
_REFERENCE = (8_091, 12_137)
_ACCEPTED = 2_000  # rows after an onset that the next reference is made of
_PANE_ROWS = 100  # what scan chooses for a file of this length
_BEFORE, _AFTER = 200, 1_000


@dataclass(frozen=True, slots=True)
class Incident:
    """One that fired: rows of its onset and of the pane that opened it, and what was said."""

    onset: int
    opened: int
    title: str
    where: str  # the change, "a month's border", or "elsewhere"


@dataclass(frozen=True, slots=True)
class Bank:
    """The whole run."""

    rows: int
    seen: dict[int, int | None]  # change -> rows from it to the first alert with such an onset
    incidents: tuple[Incident, ...]

    @property
    def elsewhere(self) -> float:
        """Incidents that belong to no change and no month's border, per 10,000 rows."""
        count = sum(one.where == "elsewhere" for one in self.incidents)
        return count / self.rows * 10_000


def measure_bank(folder: Path) -> Bank | None:
    """Replay the calls from row 12,137 on; None where the file is not."""
    file = folder / "bank.csv.gz"
    if not file.is_file():
        return None
    with gzip.open(file) as raw:
        data = pacsv.read_csv(pa.BufferReader(raw.read()))
    table = from_arrow("bank", data, (*_SIGNALS, "emp.var.rate"))
    sample = table.sample()
    base = Settings()
    stream = msgspec.structs.replace(base.stream, pane=Duration(1000 * _PANE_ROWS))
    settings = msgspec.structs.replace(base, stream=stream)

    first = _REFERENCE[1]
    rehearsal = Rehearsal(table.profile(np.arange(*_REFERENCE)), settings)
    begun = first  # the row at which this reference took effect
    accept: list[int] = []  # onsets whose rows make the next references
    told: list[tuple[int, int]] = []  # onset and pane end of every alert
    incidents: list[Incident] = []
    for at in range(first, len(table), _PANE_ROWS):
        while accept and accept[0] + _ACCEPTED <= at:
            onset = accept.pop(0)
            profile = table.profile(np.arange(onset, onset + _ACCEPTED))
            rehearsal, begun = Rehearsal(profile, settings), at
        picks = np.arange(at, min(at + _PANE_ROWS, len(table)))
        pane = rehearsal.step(sample.prepared(rehearsal.preparation, picks))
        for alert in pane.alerts:
            if alert.status is AlertStatus.RESOLVED:
                continue
            onset, end = begun + alert.onset.ts_ms // 1000, at + len(picks)
            told.append((onset, end))
            if alert.status is AlertStatus.FIRING:
                incidents.append(Incident(onset, end, alert.title, _where(onset)))
                accept.append(onset)
    seen = {
        change: min((end - change for onset, end in told if _near(onset, change)), default=None)
        for change in CHANGES
    }
    return Bank(len(table) - first, seen, tuple(incidents))


def _near(onset: int, row: int) -> bool:
    return row - _BEFORE <= onset <= row + _AFTER


def _where(onset: int) -> str:
    for change, title in CHANGES.items():
        if _near(onset, change):
            return title
    return "a month's border" if any(_near(onset, row) for row in _BORDERS) else "elsewhere"

"""Two and a half years of a bank's calls, with four changes that are on record.

UCI Bank Marketing (Moro, Cortez, Rita 2014): calls in order of time, with a static model's score.
The reference is June 2008; after each incident a new one is accepted from the 2,000 rows after its
onset, as a user would.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv

from benchmarks.quality.real import from_arrow
from benchmarks.quality.walk import walk
from driftlog.records import AlertStatus

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
    # change -> rows from it to the first alert that names a signal which began to drift there
    seen: dict[int, int | None]
    incidents: tuple[Incident, ...]
    updates: tuple[int, ...] = ()  # changes that were told as news of an incident open already

    @property
    def elsewhere(self) -> float:
        """Incidents that belong to no change and no month's border, per 10,000 rows."""
        count = sum(one.where == "elsewhere" for one in self.incidents)
        return count / self.rows * 10_000


def measure_bank(folder: Path, advance: Callable[[int], None] = lambda _: None) -> Bank | None:
    """Replay the calls from row 12,137 on; None where the file is not."""
    file = folder / "bank.csv.gz"
    if not file.is_file():
        return None
    with gzip.open(file) as raw:
        data = pacsv.read_csv(pa.BufferReader(raw.read()))
    table = from_arrow("bank", data, (*_SIGNALS, "emp.var.rate"))
    told = walk(table, _REFERENCE, _PANE_ROWS, _ACCEPTED, advance)
    incidents = [
        Incident(one.onset, one.end, one.alert.title, _where(one.onset))
        for one in told
        if one.alert.status is AlertStatus.FIRING
    ]
    first = {
        change: next((one for one in told if any(_near(at, change) for at in one.onsets)), None)
        for change in CHANGES
    }
    return Bank(
        rows=len(table) - _REFERENCE[1],
        seen={change: None if one is None else one.end - change for change, one in first.items()},
        incidents=tuple(incidents),
        updates=tuple(
            change
            for change, one in first.items()
            if one is not None and one.alert.status is AlertStatus.UPDATED
        ),
    )


def _near(onset: int, row: int) -> bool:
    return row - _BEFORE <= onset <= row + _AFTER


def _where(onset: int) -> str:
    for change, title in CHANGES.items():
        if _near(onset, change):
            return title
    return "a month's border" if any(_near(onset, row) for row in _BORDERS) else "elsewhere"

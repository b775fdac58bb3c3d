"""The tables as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from benchmarks.quality.claims import claims
from benchmarks.quality.faults import Named
from benchmarks.quality.findings import Findings
from benchmarks.quality.incident import Seen
from benchmarks.quality.joint_report import joint_tables
from benchmarks.quality.kinds import KINDS
from benchmarks.quality.outlier import OUTLIER
from benchmarks.quality.peers import PEER_KINDS
from benchmarks.quality.quiet import Quiet
from benchmarks.quality.real_report import real_tables

__all__ = ["markdown"]

_DETECTORS = ("page_hinkley", "spread", "adwin", "psi", "level_shift")


def markdown(found: Findings) -> str:
    """All that was measured, with the conditions; parts that were not run are left out."""
    parts = [
        "# Quality of detection",
        "Written by `python -m benchmarks.quality`; do not edit. "
        + "; ".join(f"{name} {value}" for name, value in found.conditions.items())
        + ".",
        _claims(found),
        *_quiet("Quiet data", found.quiet),
        *_quiet("Real rows, reshuffled", found.real),
        *_delay(found),
        *_incidents(found.incidents),
        *joint_tables(found, _table),
        *_peers(found),
        *_outliers(found),
        *real_tables(found, _table),
        *_states(found),
        *_faults(found.faults),
    ]
    return "\n\n".join(parts) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _claims(found: Findings) -> str:
    rows = [(one.what, one.measured, "yes" if one.holds else "**no**") for one in claims(found)]
    return _table(("What ought to hold", "measured", "holds"), rows)


def _title(kind: str) -> str:
    return KINDS[kind].title if kind in KINDS else kind


def _quiet(title: str, runs: Sequence[Quiet]) -> Iterator[str]:
    if not runs:
        return
    yield f"## {title}: false incidents"
    yield (
        "Alerts `firing` in rows that do not drift, through the whole production path, against "
        "what the budget allows in the run. Expected below 1: the default budget of one a month. "
        "Alarms: a detector beyond its threshold on a signal, important or not; each detector is "
        "given an even share of the budget. Drifts that begin within 30 panes are one incident, so "
        "at the largest budget alarms are the harder test."
    )
    head = (
        *("kind", "reference", "values", "budget a month", "expected", "at most", "incidents"),
        *("observed / expected", "alarms Page-Hinkley, spread, ADWIN, PSI, level"),
    )
    yield _table(
        head,
        (
            (
                _title(one.kind),
                f"{one.reference:,}",
                f"{one.values / 1e6:.3g} M",
                f"{one.budget:,.4g}",
                f"{one.expected:.3g}",
                str(one.allowed),
                str(one.incidents) if one.holds else f"**{one.incidents}**",
                f"{one.incidents / one.expected:.3f}" if one.expected >= 1 else "",
                ", ".join(str(one.alarms.get(d, 0)) for d in _DETECTORS),
            )
            for one in runs
        ),
    )


def _delay(found: Findings) -> Iterator[str]:
    if not found.delays:
        return
    yield "## Delay and onset of the detectors, in rows"
    yield (
        "Sudden shifts of the mean, up and down, after 5,000 quiet rows. The bank is set to the T "
        "that ADWIN .002 has on the same kind; for autocorrelated kinds, where ADWIN .002 alarms "
        "all the time, ADWIN is as production solves it for the bank's nominal T. Yardstick: "
        "2 V ln(T) / d². Onset: median error over median delay. In its interval: share of the "
        "changes that lie within the 90 % interval of the onset, half of which is 15 V / d² rows, "
        "d as measured."
    )
    yield _table(
        ("kind", "T of the bank, rows (alarms)", "T of ADWIN (alarms)", "nominal T", "ln 1/delta"),
        (
            (
                _title(one.kind),
                f"{one.between_cusum:,.3g} ({one.false_cusum})",
                f"{one.between_adwin:,.3g} ({one.false_adwin})",
                f"{one.nominal:,.3g}",
                f"{one.adwin_log_inv_delta:.3g}",
            )
            for one in found.terms
        ),
    )
    head = (
        *("kind", "shift, sd", "seen", "mean", "median", "yardstick", "mean / yardstick"),
        *("ADWIN seen", "ADWIN mean", "mean / ADWIN", "onset error", "ADWIN's"),
        "in its interval",
    )
    yield _table(
        head,
        (
            (
                _title(one.kind),
                f"{one.shift:g}",
                f"{one.seen} of {one.runs}",
                f"{one.mean:.4g}",
                f"{one.median:.4g}",
                f"{one.yardstick:.4g}",
                f"{one.ratio:.2f}",
                str(one.adwin_seen),
                f"{one.adwin_mean:.4g}",
                f"{one.against_adwin:.2f}",
                f"{one.onset:.3f}",
                f"{one.adwin_onset:.2f}",
                f"{one.covered:.3f}",
            )
            for one in found.delays
        ),
    )


def _incidents(runs: Sequence[Seen]) -> Iterator[str]:
    if not runs:
        return
    yield "## From a change to its incident"
    yield (
        "Production settings: 20 signals, one false incident a month, 60 events/s, panes of 10 s "
        "(600 rows), windows of 60 panes, pending for 2. Rows from the change to the end of the "
        "pane. Onset: median of its error over the incident's delay, where a detector named the "
        "row, and where only the pane is known. In its interval: share of the changes that lie "
        "within the onset's 90 % interval, and its median length in rows."
    )
    head = (
        *("change", "significant", "median", "incident", "median", "90 %"),
        *("onset by row", "in its interval", "onset by pane", "in its interval"),
    )
    yield _table(
        head,
        (
            (
                one.title,
                f"{len(one.significant)} of {one.runs}",
                _rows(one.delay("significant")),
                f"{len(one.incident)} of {one.runs}",
                _rows(one.delay("incident")),
                _rows(one.delay("incident", 0.9)),
                _errors(one.onset),
                _covered(one.within, one.interval),
                _errors(one.onset_by_pane),
                _covered(one.within_by_pane, one.interval_by_pane),
            )
            for one in runs
        ),
    )


def _rows(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def _errors(errors: Sequence[float]) -> str:
    return f"{np.median(errors):.3f} ({len(errors)})" if errors else ""


def _covered(within: Sequence[bool], interval: Sequence[int]) -> str:
    return f"{np.mean(within):.2f} of {np.median(interval):,.0f}" if within else ""


def _peers(found: Findings) -> Iterator[str]:
    if not found.peers:
        return
    yield "## Beside other tools, on the same rows"
    yield (
        "False alarms per million quiet rows of one feature, and the median rows to the first "
        "alarm after a shift of N(0,1) (empty: seen in less than half of the runs). Before: share "
        "of those runs that had already alarmed falsely; a short delay says nothing then, as the "
        "dummy shows."
    )
    shifts = sorted(found.peers[0].delays)
    head = (
        "detector",
        *(f"{KINDS[kind].title}" for kind in PEER_KINDS),
        *(f"{shift:g} sd" for shift in shifts),
        "before",
    )
    yield _table(
        head,
        (
            (
                one.peer,
                *(f"{one.per_million[kind]:,.3g}" for kind in PEER_KINDS),
                *(_rows(one.delays[shift]) for shift in shifts),
                f"{one.before:.0%}",
            )
            for one in found.peers
        ),
    )


def _outliers(found: Findings) -> Iterator[str]:
    if not found.outliers:
        return
    yield "## An outlier among a thousand rows"
    yield (
        f"PSI of 1,000 rows of N(0,1) shifted by .5 sd against a reference of 10,000, without and "
        f"with one value of {OUTLIER:g}; mean of 20 signals."
    )
    yield _table(
        ("tool", "without", "with"),
        ((one.tool, f"{one.without:.3f}", f"{one.with_one:.3f}") for one in found.outliers),
    )


def _states(found: Findings) -> Iterator[str]:
    if not found.states:
        return
    yield "## Size of the stored state"
    yield (
        "Bytes a signal, compressed, as a checkpoint stores them: 20 signals, windows of 60 panes "
        "filled twice; N(0,1) shifts by .2 sd after half of the run. Usual: the median while it is "
        "quiet."
    )
    yield _table(
        ("kind", "rows a pane", "usual", "most"),
        (
            (_title(one.kind), f"{one.rows_a_pane:,}", f"{one.usual:,.0f}", f"{one.most:,.0f}")
            for one in found.states
        ),
    )


def _faults(runs: Sequence[Named]) -> Iterator[str]:
    if not runs:
        return
    yield "## Faults told apart from drift"
    yield (
        "Rows of 20 signals broken at once, on data of several shapes: references of 10,000 rows, "
        "panes of 200, production settings. Recognised: named as what they are. Another: named as "
        "something else at some pane. Delays in panes from the change to the end of the pane that "
        "named it, and to the one that opened the incident: medians."
    )
    head = (
        "what was done",
        "named",
        "on",
        "recognised",
        "another",
        "named after",
        "incident after",
    )
    rows = []
    for title in dict.fromkeys(one.title for one in runs):
        here = [one for one in runs if one.title == title]
        total = sum(one.runs for one in here)
        rows.append(
            (
                title,
                here[0].kind or "no fault",
                f"{len(here)} shapes" if len(here) > 1 else here[0].shape,
                f"{sum(one.right for one in here)} of {total}" if here[0].kind else "",
                f"{sum(one.wrong for one in here)} of {total}",
                _median([one.delays for one in here]),
                _median([one.incident for one in here]),
            )
        )
    yield _table(head, rows)


def _median(counts: Sequence[Mapping[int, int]]) -> str:
    delays = [delay for one in counts for delay, runs in one.items() for _ in range(runs)]
    return f"{np.median(delays):.0f}" if delays else ""

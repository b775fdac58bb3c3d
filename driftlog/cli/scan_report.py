"""What a scan says to a person: incidents, pictures of what drifted, the state of all signals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from driftlog.cli.onset_text import between
from driftlog.cli.scan_file import Times
from driftlog.cli.scan_means import Trace
from driftlog.cli.scan_tally import Drift, Tally
from driftlog.printable import printable
from driftlog.records import JOINT_SIGNAL, Alert, AlertStatus, Severity, SignalState, SignalVerdict
from driftlog.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Report"]

_SEVERITY = {
    Severity.INFO: "blue",
    Severity.WARNING: "yellow",
    Severity.CRITICAL: "red",
    Severity.EMERGENCY: "bold white on red",
}
_STATE = {
    SignalState.OK: "green",
    SignalState.MINOR: "green",
    SignalState.PENDING: "yellow",
    SignalState.DRIFT: "red",
}
_WAY = {1: "↑", -1: "↓", 0: "↕"}
_QUIET_TOLD = 40  # signals; of more, only those that are not quiet are listed


class Report:
    """Prints a scan.

    Args:
        console: where to.
        settings: of the scan.
        when: how event times are told.
    """

    def __init__(self, console: Console, settings: Settings, when: Times) -> None:
        self._console = console
        self._settings = settings
        self._when = when

    def print(self, tally: Tally, traces: Mapping[tuple[str, str, str], Trace]) -> None:
        """Print everything."""
        self._head(tally)
        if tally.incidents:
            self._incidents(tally)
            self._pictures(tally, traces)
        self._states(tally)
        self._foot(tally)

    # -- parts --------------------------------------------------------------------------------

    def _head(self, tally: Tally) -> None:
        stream = self._settings.stream
        for profile in tally.references.values():
            self._line(
                f"{profile.model} {profile.version}: judged by {profile.rows:,} rows"
                f"{f' ({profile.source})' if profile.source else ''}, "
                f"{len(profile.signals)} signals",
                "bold",
            )
            for column, why in profile.excluded.items():
                self._line(f"  not watched: {column}: {why}", "dim")
        span = tally.span_ms
        said = f"{self._when(span[0])} to {self._when(span[1])}, " if span else ""
        self._line(
            f"{tally.judged:,} of {tally.rows:,} rows judged: {said}{tally.panes:,} panes of "
            f"{self._when.span(stream.pane)}, window {stream.window_panes} panes"
        )

    def _incidents(self, tally: Tally) -> None:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        from stream.advice import NEW_USUAL

        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1))
        for name in ("since", "how bad", "way", "what"):
            table.add_column(name, no_wrap=name in ("since", "how bad"))
        for alert in sorted(
            tally.incidents.values(), key=lambda one: (one.onset.ts_ms, one.alert_id)
        ):
            resolved = alert.status is AlertStatus.RESOLVED
            # No command can accept what is in a file: there is no alert on any topic.
            advice = alert.advice.partition(NEW_USUAL)[0].rstrip()
            # On a line of its own: the column must not push the words aside.
            sure = between(alert.onset, self._when).replace(" (", "\n(", 1)
            until = self._when(alert.resolved_ms or alert.pane_end_ms) if resolved else "still open"
            table.add_row(
                Text(f"{self._when(alert.onset.ts_ms)}{sure}\n→ {until}"),
                Text(f"{alert.severity}\n", _SEVERITY[alert.severity]).append(
                    str(alert.decision), "default"
                ),
                _way(alert),
                Text(printable(alert.title)).append(
                    f"\n{printable(advice)}" if advice else "", "dim"
                ),
            )
        self._console.print(table)

    def _pictures(self, tally: Tally, traces: Mapping[tuple[str, str, str], Trace]) -> None:
        from driftlog.cli.scan_picture import bars, has_plot, plot

        stream, detection = self._settings.stream, self._settings.detection
        by_series = {_series_name(*key): trace for key, trace in traces.items()}
        several = len({drift.series for drift in tally.drifts.values()}) > 1
        width = self._console.width
        self._line(
            "Means over time; ░ is usual, ▲ the onset, ━ drift. Levels before and after.", "dim"
        )
        for drift in tally.worst_first():
            trace = by_series.get(drift.series)
            self._line("")
            self._title(drift, several)
            if trace is None:
                continue
            signal = drift.worst.signal
            profile = next((one for one in trace.profile.signals if one.signal == signal), None)
            if profile is None:  # of rows, not of what they hold
                continue
            if has_plot(drift, profile):
                lines = plot(drift, trace, self._when, detection, stream.pane, width)
            else:
                lines = bars(drift, width)
            for line in lines:
                self._console.print(line, no_wrap=True, overflow="crop")

    def _title(self, drift: Drift, several: bool) -> None:
        from rich.text import Text

        from driftlog.wording import sentence

        onsets = [self._when(onset) for onset, _ in sorted(drift.spans.values())]
        more = f" and {len(onsets) - 3} more" if len(onsets) > 3 else ""
        where = printable(f"{drift.series}  ") if several else ""
        what = printable(sentence(drift.worst))
        since = f"since {', '.join(onsets[:3])}{more}"
        room = len(where) + len(what) + len(since) + 2 <= self._console.width
        self._console.print(
            Text.assemble((where, "dim"), (what, "bold"), "  " if room else "\n", (since, "dim"))
        )

    def _states(self, tally: Tally) -> None:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        for (model, version, segment), signals in sorted(tally.latest.items()):
            counts = Counter(one.state for one in signals.values())
            said = ", ".join(f"{counts[state]} {state}" for state in SignalState if counts[state])
            self._line("")
            self._line(f"{_series_name(model, version, segment)} at the end: {said}", "bold")
            loud = [one for one in signals.values() if one.state not in _QUIET]
            told = list(signals.values())
            if segment != "*" or len(told) > _QUIET_TOLD:
                told = loud
            if not told:
                continue
            table = Table(box=box.SIMPLE_HEAD, padding=(0, 1))
            for name in ("signal", "state", "since", "PSI", "shift"):
                table.add_column(name, justify="right" if name in ("PSI", "shift") else "left")
            for one in sorted(
                told,
                key=lambda one: (-one.state.code, one.signal == JOINT_SIGNAL, -one.psi, one.signal),
            ):
                table.add_row(
                    Text(printable(one.signal)),
                    Text(str(one.state), _STATE.get(one.state, "dim")),
                    Text(self._when(one.since_ms) if one.since_ms else ""),
                    f"{one.psi:.3f}",
                    _shift(one),
                )
            self._console.print(table)

    def _foot(self, tally: Tally) -> None:
        if tally.dead:
            said = ", ".join(f"{count:,} {reason}" for reason, count in sorted(tally.dead.items()))
            row, detail = tally.first_dead or ("", "")
            self._line(f"Rows that are no event of this model: {said} (first: {row}: {detail})")
        unjudged = tally.rows - tally.judged - sum(tally.dead.values())
        if unjudged:
            learned = any(one.origin == "learned" for one in tally.references.values())
            why = "learned from, or in the last panes" if learned else "in the last panes"
            self._line(f"{unjudged:,} rows not judged ({why}; --close judges those).", "dim")
        severities = Counter(one.severity for one in tally.incidents.values())
        open_ = sum(one.status is not AlertStatus.RESOLVED for one in tally.incidents.values())
        if not tally.incidents:
            self._line("No drift.", "bold green")
            return
        said = ", ".join(f"{severities[s]} {s}" for s in reversed(Severity) if severities[s])
        count = len(tally.incidents)
        self._line(
            f"{count} {'incident' if count == 1 else 'incidents'} ({said}; {open_} still open), "
            f"{len(tally.drifts)} {'signal' if len(tally.drifts) == 1 else 'signals'} drifted.",
            "bold",
        )

    def _line(self, text: str, style: str = "") -> None:
        from rich.text import Text

        self._console.print(Text(printable(text), style))


_QUIET = (SignalState.OK, SignalState.MINOR)


def _way(alert: Alert) -> str:
    ways = [_WAY[one.direction] for one in alert.signals[:1]]
    return ways[0] if ways else ""


def _shift(one: SignalVerdict) -> str:
    if abs(one.effect_rate) > 0.005 and abs(one.effect_sd) < 0.005:
        return f"{100 * one.effect_rate:+.1f} points"
    return f"{one.effect_sd:+.2f} sd"


def _series_name(model: str, version: str, segment: str) -> str:
    from stream.routing import series_name

    return series_name(model, version, segment)

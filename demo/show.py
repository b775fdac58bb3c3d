"""How the demo looks: a progress line, alerts as they come, and a table at the end."""

from __future__ import annotations

import re
import sys
import time
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from demo.stages import Stage
from demo.summary import Outcome, StageOutcome
from demo.watch import Seen
from driftlog.printable import printable
from driftlog.records import Alert, AlertStatus, Severity
from driftlog.terminal import terminal

__all__ = ["Show"]

_PICTURE_WIDTH = 156  # columns
# Rich's own form would fetch a font from elsewhere; the reader's monospace font will do.
_PICTURE_FORMAT = re.sub(r"\s*@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
_COLOURS = {
    Severity.INFO: "cyan",
    Severity.WARNING: "yellow",
    Severity.CRITICAL: "red",
    Severity.EMERGENCY: "bold white on red",
}


class Show(AbstractContextManager["Show"]):
    """Tells what happens.

    Args:
        as_json: only the summary, as one JSON object on standard output; the rest goes to standard
            error.
        expected_s: how long the run takes, for the progress bar.
        picture: an SVG file that gets everything that was shown.
    """

    def __init__(
        self, *, as_json: bool = False, expected_s: float = 150.0, picture: Path | None = None
    ) -> None:
        self._as_json = as_json
        self._picture = picture
        width = None if picture is None else _PICTURE_WIDTH
        self._console = terminal(stderr=as_json, record=picture is not None, width=width)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._progress.add_task("starting", total=expected_s)
        self._last = time.monotonic()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()
        if self._picture is not None:
            self._console.save_svg(
                str(self._picture), title="driftlog demo", code_format=_PICTURE_FORMAT
            )

    def _say(self, text: Text) -> None:
        now = datetime.now().astimezone().strftime("%H:%M:%S")
        self._progress.console.print(Text.assemble((now, "dim"), "  ", text), soft_wrap=True)
        self._tick()

    def _tick(self, description: str | None = None) -> None:
        now = time.monotonic()
        self._progress.update(self._task, advance=now - self._last, description=description)
        self._last = now

    def step(self, what: str) -> None:
        """A part is there."""
        self._say(Text.assemble(("ready   ", "green"), what))

    def phase(self, what: str, seconds: float) -> None:
        """Something goes on for a while."""
        if self._console.is_terminal or self._picture is not None:
            self._tick(what)
        else:
            self._say(Text.assemble(("now     ", "dim"), f"{what} ({seconds:.0f} s)"))

    def injecting(self, stage: Stage) -> None:
        """A change begins."""
        self._say(Text.assemble(("inject  ", "magenta"), f"{stage.name}: {stage.says}"))

    def alert(self, seen: Seen) -> None:
        """An alert has come."""
        self._say(_line(seen.alert))

    def table(self, found: Outcome) -> None:
        """Tell the outcome."""
        if self._as_json:
            _write_json(found)
            return
        table = Table(title="What was injected, and when it was seen", title_justify="left")
        for name in (
            "injected",
            "shows in",
            "seen after",
            "onset off by",
            "severity",
            "over after",
        ):
            table.add_column(name, justify="left" if name in ("injected", "shows in") else "right")
        for stage in found.stages:
            table.add_row(*_row(stage))
        self._progress.console.print(table)
        self._progress.console.print(_verdict(found))

    def year(self, found: Outcome) -> None:
        """Tell the outcome of the months."""
        if self._as_json:
            _write_json(found)
            return
        many = len(found.false_alarms)
        self._progress.console.print(
            f"{found.events:,} flights of April to December, {many} "
            f"incident{'' if many == 1 else 's'}; what differs from March is real weather, traffic "
            "and season, and stays drift until a new reference is accepted:"
        )
        for title in found.false_alarms:
            self._progress.console.print(Text(f"  {printable(title)}"))

    def serving(self, service: str, worker: str, console: str) -> None:
        """Everything stays up."""
        self._progress.stop()
        self._say(
            Text.assemble(
                ("serving ", "green"),
                "traffic goes on, with a change now and then; Ctrl-C ends it. "
                f"Console: {console}  service: {service}/metrics  gauges: {worker}/metrics",
            )
        )


def _line(alert: Alert) -> Text:
    if alert.status is AlertStatus.RESOLVED:
        return Text.assemble(("over    ", "green"), Text(printable(alert.title)))
    since = datetime.fromtimestamp(alert.onset.ts_ms / 1000).astimezone().strftime("%H:%M:%S.%f")
    word = "ALERT   " if alert.status is AlertStatus.FIRING else "update  "
    return Text.assemble(
        (word, _COLOURS[alert.severity]),
        (f"{alert.severity.value}: ", _COLOURS[alert.severity]),
        Text(printable(alert.title)),
        f"  since {since[:-5]}  → {alert.decision.value}",
    )


def _row(stage: StageOutcome) -> tuple[str | Text, ...]:
    change = stage.injected
    name = f"{change.name} ({change.rows} rows)"
    if not stage.seen:
        return (name, ", ".join(change.expects), Text("not seen", "red"), "", "", "")

    def seconds(value: float | None, sign: str = "") -> str:
        return "-" if value is None else f"{value:{sign}.1f} s"

    return (
        name,
        ", ".join(change.expects) + ("" if stage.right_signal else " (seen in others)"),
        Text(seconds(stage.after_s), "green" if stage.right_signal else "yellow"),
        seconds(stage.onset_error_s, "+"),
        stage.severity,
        seconds(stage.resolved_after_s),
    )


def _verdict(found: Outcome) -> Text:
    seen = sum(stage.seen for stage in found.stages)
    false = len(found.false_alarms)
    text = (
        f"{seen} of {len(found.stages)} seen, {false} false alarm{'' if false == 1 else 's'} in "
        f"{found.quiet_share:.0%} quiet time of {found.seconds:.0f} s and {found.events:,} events."
    )
    said = Text(text, "bold green" if found.good else "bold red")
    for title in found.false_alarms:
        said.append(f"\n  false: {printable(title)}", "red")
    return said


def _write_json(found: Outcome) -> None:
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    sys.stdout.flush()

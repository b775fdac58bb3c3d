"""``python -m tests.console.seen``: how soon the fleet page shows what happens, in the demo.

Runs ``driftlog demo --serve`` with its worker, its console and real HTTP traffic, asks the console
ten times a second, and tells for each injected change when the page first named it (state *pending*
or *drift*), counted from the first changed request and from the end of the first pane with one.
Then the worker is killed, and the time is told until the page says *stale*.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from demo.stages import EXPECTED_S
from driftlog.terminal import echo
from tests.e2e.demo_process import DemoProcess, demo_process

_EVERY_S: Final = 0.1
_PANE_MS: Final = 1_000  # of the demo
_START_S: Final = 180.0
_STALE_S: Final = 60.0
_NAMED: Final = ("pending", "drift")


@dataclass(frozen=True, slots=True)
class _Look:
    """The fleet page at a moment of the clock."""

    at_ms: float
    bar: str
    state: str
    signal: str
    words: str


def _look(client: httpx.Client) -> _Look:
    answer = client.get("/api/v1/fleet")
    answer.raise_for_status()
    view: dict[str, Any] = answer.json()
    row: dict[str, Any] = next(iter(view["rows"]), {})
    return _Look(
        at_ms=time.time() * 1000,
        bar=view["bar"]["state"],
        state=row.get("state", ""),
        signal=row.get("signal") or "",
        words=row.get("words", ""),
    )


def _outcome(demo: DemoProcess) -> dict[str, Any] | None:
    try:
        return demo.summary
    except json.JSONDecodeError:
        return None


def _console_of(demo: DemoProcess) -> str:
    demo.until("the console at ", _START_S)
    return demo.progress.split("the console at ", 1)[1].split()[0]


def _until_told(demo: DemoProcess, client: httpx.Client) -> tuple[dict[str, Any], list[_Look]]:
    looks: list[_Look] = []
    ends = time.monotonic() + 3 * EXPECTED_S
    while (found := _outcome(demo)) is None:
        if time.monotonic() > ends:
            raise SystemExit(f"the demo has not come to its end:\n{demo.progress}")
        looks.append(_look(client))
        time.sleep(_EVERY_S)
    return found, looks


def _tell(found: dict[str, Any], looks: list[_Look]) -> None:
    for stage in found["stages"]:
        change = stage["injected"]
        start = change["start_ms"]
        shown = next(
            (
                look
                for look in looks
                if start <= look.at_ms <= change["end_ms"] + 10_000
                and look.state in _NAMED
                and look.signal in change["expects"]
            ),
            None,
        )
        if shown is None:
            echo(f"{change['name']}: never on the page")
            continue
        pane_end = (start // _PANE_MS + 1) * _PANE_MS
        echo(
            f"{change['name']}: on the page {(shown.at_ms - start) / 1000:.1f} s after the first "
            f"changed request, {(shown.at_ms - pane_end) / 1000:.1f} s after its pane; alert after "
            f"{stage['after_s']:.1f} s; {shown.words}"
        )


def _kill_worker(demo: DemoProcess) -> None:
    (pid,) = [int(line.split()[0]) for line in demo.others() if "driftlog worker" in line]
    os.kill(pid, signal.SIGKILL)


def main() -> None:
    """Measure, and say what was found."""
    echo(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    with (
        tempfile.TemporaryDirectory() as folder,
        demo_process(Path(folder), None, "--serve") as demo,
        httpx.Client(base_url=_console_of(demo), timeout=10.0) as client,
    ):
        _tell(*_until_told(demo, client))
        _kill_worker(demo)
        killed = time.monotonic()
        while (bar := _look(client).bar) != "stale":
            if time.monotonic() > killed + _STALE_S:
                sys.exit(f"the worker is gone, and the page still says {bar}")
            time.sleep(_EVERY_S)
        echo(f"worker killed: stale after {time.monotonic() - killed:.1f} s")
        demo.interrupt()
        demo.wait(60.0)


if __name__ == "__main__":
    main()

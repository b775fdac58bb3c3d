"""A replay says how far it is: a bar in a terminal, lines elsewhere, nothing when quiet."""

from __future__ import annotations

import io

import pytest

from producers import progress
from producers.outgoing import Tally
from producers.progress import Display


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def tally() -> Tally:
    counted = Tally(sent=1200, labels_sent=7, held_back=3)
    counted.failed["HTTP 422"] = 2
    counted.details["HTTP 422"] = "temp: a number"
    return counted


def shown(to: io.StringIO, *, quiet: bool = False) -> str:
    with Display(2000, quiet=quiet, to=to) as display:
        display.show(tally(), 1500.0)
    return to.getvalue()


def test_a_terminal_has_a_bar_with_rate_lag_and_failures() -> None:
    text = shown(Terminal())
    assert "1,200 events" in text or "1,205 events" in text
    assert "lag 1.5 s" in text
    assert "2 failed" in text


def test_elsewhere_there_are_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_LINE_EVERY", 0.0)
    text = shown(io.StringIO())
    assert text.startswith("replay: 1,200 of 2,000 events  ")
    assert text.endswith("lag 1.5 s  2 failed\n")


def test_quiet_is_quiet() -> None:
    assert shown(Terminal(), quiet=True) == ""


def test_the_summary_names_every_failure() -> None:
    said = Display(None, quiet=True).summary(tally())
    assert said.startswith("sent 1,200 events in ")
    assert said.splitlines()[0].endswith("and 7 labels")
    assert "held back 3 events (injected outage)" in said
    assert "failed 2 events: HTTP 422 (temp: a number)" in said

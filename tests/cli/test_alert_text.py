"""What a person sees of an alert."""

from __future__ import annotations

import json
import unicodedata

import hypothesis
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from driftlog.cli.alert_text import ago, line, render, utc
from driftlog.printable import printable, printable_json
from driftlog.records import ALERT, Alert, AlertStatus, BinShare, Onset, Score, Severity
from tests.cli.alert_factory import AT, alert, alert_signal

UNTIMED = hypothesis.settings(deadline=None)


def shown(what: RenderableType, *, colour: bool = False, width: int = 160) -> str:
    console = Console(
        markup=False,
        highlight=False,
        width=width,
        force_terminal=colour,
        color_system="standard" if colour else None,
        _environ={},
    )
    with console.capture() as capture:
        console.print(what)
    return "\n".join(row.rstrip() for row in capture.get().splitlines())


def test_a_block_tells_all_that_a_person_needs() -> None:
    assert (
        shown(render(alert(), AT + 200_000), width=92)
        == """\
FIRING    critical   late@1
  distance up 1,040 → 1,480 (2.1 sd) (1 of 4 signals)
  since       2024-11-20 10:53:20 UTC, 3 min ago
  how bad     INVESTIGATE: 25% of the signals have drifted (drift_share >= investigate_share
              20%); up to 2.1 sd, PSI 0.34
  where       late@1/*
  distance    late@1/*; 1,040 ± 700 → 1,480 ± 690; page_hinkley 31.5, threshold 12.25;
              [1390, 2000) 10.0% → 25.0%
  ids before  req-1, req-2
  ids after   req-9
  offsets     0: 7-4711
  alert       cafe01, opened 2024-11-20 10:54:20 UTC"""
    )


def test_the_block_says_that_a_level_is_outside_of_all_that_was_usual() -> None:
    scores = {"page_hinkley": Score(31.5, 12.25), "level_shift": Score(3.13, 2.4)}
    told = shown(render(alert(signals=(alert_signal(scores=scores),)), AT + 200_000), width=400)
    assert (
        "the level of the window is 3.1 sd off (from 2.4 on told): outside of all that the "
        "reference showed"
    ) in told
    below = {"level_shift": Score(2.3, 2.4)}
    told = shown(render(alert(signals=(alert_signal(scores=below),)), AT + 200_000), width=400)
    assert "outside of all" not in told


def test_the_block_says_between_when_and_when_the_change_began() -> None:
    onset = Onset(ts_ms=AT, earliest_ms=AT - 14_000, latest_ms=AT + 16_000)
    told = shown(render(alert(onset=onset), AT + 200_000), width=92)
    assert "since       2024-11-20 10:53:20 UTC (10:53:06 to 10:53:36), 3 min ago" in told
    days = Onset(ts_ms=AT, earliest_ms=AT - 86_400_000, latest_ms=AT)
    told = shown(render(alert(onset=days), AT + 200_000), width=120)
    assert "(2024-11-19 10:53:20 to 2024-11-20 10:53:20), 3 min ago" in told


def test_a_line_tells_what_since_when_and_what_to_do() -> None:
    assert shown(line(alert())) == (
        "FIRING    critical   late@1  distance up 1,040 → 1,480 (2.1 sd) (1 of 4 signals)"
        "  since 2024-11-20 10:53:20 UTC  → INVESTIGATE"
    )


def test_what_is_over_says_since_when() -> None:
    back = alert_signal(cleared_ms=AT + 3_600_000, state="ok")
    over = alert(status=AlertStatus.RESOLVED, resolved_ms=AT + 3_600_000, signals=(back,))
    text = shown(render(over, AT + 7_200_000))
    assert "until       2024-11-20 11:53:20 UTC (after 1 h)" in text
    assert "back to usual 2024-11-20 11:53:20 UTC; late@1/*" in text


@pytest.mark.parametrize("status", AlertStatus)
@pytest.mark.parametrize("severity", Severity)
def test_status_and_severity_are_words_as_well_as_colours(
    status: AlertStatus, severity: Severity
) -> None:
    one = alert(status=status, severity=severity)
    for what in (line(one), render(one, AT)):
        assert shown(what).startswith(f"{status.upper():<8}  {severity.value}")
        assert "\x1b[" in shown(what, colour=True).split("late@1")[0]


def test_of_many_signals_the_worst_are_shown_and_the_rest_counted() -> None:
    text = shown(render(alert(signals=tuple(alert_signal(f"s{i}") for i in range(50))), AT))
    assert "s4 " in text
    assert "s5 " not in text
    assert "and 45 more" in text


def test_a_signal_that_is_no_longer_heard_of_says_so() -> None:
    assert "stale; late@1/*" in shown(render(alert(signals=(alert_signal(state="stale"),)), AT))


def test_a_time_that_no_calendar_holds_is_still_told() -> None:
    assert utc(2**62) == f"{2**62} ms"


@given(st.integers(0, 2**53), st.integers(0, 2**53))
def test_how_long_ago_is_never_overstated(then: int, now: int) -> None:
    text = ago(then, now)
    if now < then:
        assert text == "in the future"
        return
    if text != "just now":
        count, unit = text.removesuffix(" ago").split()
        size = {"s": 1_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}[unit]
        assert int(count) * size <= now - then < (int(count) + 1) * size


HOSTILE = st.text(
    st.sampled_from("\x00\x07\x08\x1b\x7f\x9b\n\r\t\u202e\u2066\u200b\ud800[]/\\ab:;m31 é→"),
    max_size=30,
) | st.sampled_from(
    ["\x1b[2J\x1b[31m", "[bold red]x[/]", "[link=file:///]x[/link]", ":smile:", "\x1b]0;x\x07"]
)


@UNTIMED
@given(HOSTILE, st.integers(20, 120))
def test_no_name_brings_a_control_character_or_markup_to_the_terminal(
    name: str, width: int
) -> None:
    signal = alert_signal(
        name,
        series=name,
        detector="page_hinkley",
        moved=(BinShare(bin=name, before=0.1, after=0.2, part=1.0),),
    )
    hostile = alert(
        alert_id=name,
        model=name,
        versions=(name,),
        series=(name,),
        title=name,
        signals=(signal,),
        offsets={name: (1, 2)},
        samples_before=(name,),
        samples_after=(name,),
    )
    for what in (line(hostile), render(hostile, AT)):
        text = shown(what, width=width)
        assert not [c for c in text if c != "\n" and unicodedata.category(c)[0] == "C"]
    flat = shown(line(hostile), width=10_000)
    assert printable(name) in flat  # not taken for markup either


@UNTIMED
@given(HOSTILE.filter(lambda text: "\ud800" not in text), st.booleans())
def test_json_stays_the_same_record_on_one_line(name: str, pretty: bool) -> None:
    raw = ALERT.encode(alert(title=name, model=name))
    if pretty:
        raw = msgspec.json.format(raw, indent=2)
    text = printable_json(raw)
    assert text.isprintable()
    assert json.loads(text) == json.loads(raw)
    decoded: Alert = ALERT.decode(text.encode())
    assert decoded.title == name

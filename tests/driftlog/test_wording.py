"""What an alert's title says, as a person reads it at night."""

from __future__ import annotations

import re
from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlog.records import AlertSignal, BinShare, CorrelationShift, Onset, Spread
from driftlog.wording import figures, sentence, shares, title

UNTIMED = hypothesis.settings(deadline=None)


def of(mean: float | None = None, sd: float | None = None, missing: float = 0.0) -> Spread:
    return Spread(rows=1000, mean=mean, sd=sd, missing=missing)


def moved(name: str, before: float, after: float) -> dict[str, Any]:
    return {"moved": (BinShare(bin=name, before=before, after=after, part=0.6),)}


def pair(before: float, after: float) -> dict[str, Any]:
    inputs = ("distance", "airtime")
    found = CorrelationShift(inputs=inputs, before=before, after=after, part=0.9)
    return {"correlations": (found,)}


def drifted(signal: str, **more: Any) -> AlertSignal:
    plain: dict[str, Any] = {
        "series": "m@1/*",
        "signal": signal,
        "state": "drift",
        "detector": "psi",
        "scores": {},
        "psi": 0.34,
        "effect_sd": 0.0,
        "direction": 0,
        "onset": Onset(ts_ms=1),
        "rows": 100,
    }
    return AlertSignal(**(plain | more))


DOWN: dict[str, Any] = {"direction": -1, "effect_sd": -1.4}
UP: dict[str, Any] = {"direction": 1, "effect_sd": 2.1}
CASES: dict[str, tuple[AlertSignal, str]] = {
    "a number": (
        drifted("distance", **UP, before=of(1040.4, 700.0), after=of(1480.1, 700.0)),
        "distance up 1,040 → 1,480 (2.1 sd)",
    ),
    "a text's length": (
        drifted("input.note.length", **UP, before=of(120.0, 40.0), after=of(300.0, 40.0)),
        "length of note up 120 → 300 (2.1 sd)",
    ),
    "unknown words": (
        drifted("input.note.unknown_words", **UP, before=of(0.052, 0.05), after=of(0.61, 0.2)),
        "unknown words in note 5% → 61%",
    ),
    "another wording": (
        drifted("input.note.ngrams", before=of(), after=of(), **moved("bucket 07", 0.1, 0.2)),
        "wording of note changed (PSI 0.34)",
    ),
    "rare wording": (
        drifted("input.note.ngrams", before=of(), after=of(), **moved("rare", 0.02, 0.3)),
        "wording of note changed (rare word pairs: 2% → 30%, PSI 0.34)",
    ),
    "a wording never seen": (
        drifted("input.note.ngrams", before=of(), after=of(), **moved("unseen", 0.0, 0.3)),
        "wording of note changed (PSI 0.34)",
    ),
    "a text missing": (
        drifted("input.note.words", before=of(9.0, 2.0), after=of(9.0, 2.0, missing=0.5)),
        "note missing in 0% → 50% of rows",
    ),
    "an input that is called like a part": (
        drifted("words", **UP, before=of(9.0, 2.0), after=of(13.0, 2.0)),
        "words up 9 → 13 (2.1 sd)",
    ),
    "a large number": (
        drifted("epoch", **UP, before=of(1732100000.0, 5e4), after=of(1732160000.0, 5e4)),
        "epoch up 1,732,100,000 → 1,732,160,000 (2.1 sd)",
    ),
    "most rows one way, the mean the other": (
        drifted("distance", **UP, before=of(1040.0, 700.0), after=of(900.0, 700.0)),
        "distance up 2.1 sd in most rows",
    ),
    "a reference that never changed": (
        drifted("gate", direction=1, effect_sd=40.0, before=of(3.0, 0.0), after=of(43.0, 2.0)),
        "gate up: always 3 before, now 43 on average",
    ),
    "missing values": (
        drifted("temp", effect_rate=0.29, before=of(1.0, 1.0, 0.01), after=of(1.0, 1.0, 0.3)),
        "temp missing in 1% → 30% of rows",
    ),
    "nothing left": (
        drifted("temp", effect_rate=1.0, before=of(1.0, 1.0), after=of(missing=1.0)),
        "temp missing in 0% → 100% of rows",
    ),
    "values that are there again": (
        drifted("temp", effect_rate=-0.3, before=of(1.0, 1.0, 0.3), after=of(1.0, 1.0)),
        "temp missing in 30% → 0% of rows",
    ),
    "a boolean": (
        drifted(
            "is_weekend",
            direction=1,
            effect_sd=0.8,
            effect_rate=0.35,
            before=of(0.2, 0.4),
            after=of(0.55, 0.5),
            **moved("true", 0.2, 0.55),
        ),
        "is_weekend true in 20% → 55% of rows",
    ),
    "a category": (
        drifted("carrier", before=of(), after=of(), **moved("UA", 0.12, 0.31)),
        "carrier mix changed (UA: 12% → 31%, PSI 0.34)",
    ),
    "a new level": (
        drifted("carrier", before=of(), after=of(), **moved("unseen", 0.0, 0.08)),
        "carrier with values never seen before in 0% → 8% of rows",
    ),
    "inputs that go their own ways": (
        drifted("joint", **UP, before=of(0.0, 1.2), after=of(2.5, 3.0), **pair(0.98, 0.1)),
        "distance and airtime no longer go together as usual (correlation 0.98 → 0.10)",
    ),
    "inputs that go against each other": (
        drifted("joint", **UP, **pair(0.9, -0.9)),
        "distance and airtime no longer go together as usual (correlation 0.90 → -0.90)",
    ),
    "inputs that go together more closely": (
        drifted("joint", direction=-1, effect_sd=-0.5, **pair(-0.5, -0.9)),
        "distance and airtime go together more closely than usual (correlation -0.50 → -0.90)",
    ),
    "inputs apart by their means": (
        drifted("joint", **UP, **pair(0.9, 0.89)),
        "distance and airtime do not go together as usual",
    ),
    "inputs of a trimmed alert": (
        drifted("joint", **UP),
        "inputs do not go together as usual",
    ),
    "a wrong type": (
        drifted("temp", before=of(1.0, 1.0), after=of(1.0, 1.0), **moved("wrong type", 0.0, 0.12)),
        "temp of the wrong type in 0% → 12% of rows",
    ),
    "errors": (
        drifted("error", direction=1, effect_sd=2.0, before=of(0.01, 0.1), after=of(0.124, 0.3)),
        "error rate 1% → 12%",
    ),
    "latency": (
        drifted("latency", direction=1, effect_sd=3.0, before=of(12.0, 4.0), after=of(48.2, 3.0)),
        "latency up 12 → 48.2 ms (3.0 sd)",
    ),
    "confidence": (
        drifted("confidence", direction=-1, effect_sd=-1.4, before=of(0.91, 0.1), after=of(0.73)),
        "confidence down 0.91 → 0.73 (1.4 sd)",
    ),
    "the shape of a number": (
        drifted(
            "distance", before=of(9.0, 1.0), after=of(9.1, 3.0), **moved("[100, 200)", 0.1, 0.25)
        ),
        "distance shape changed ([100, 200): 10% → 25%, PSI 0.34)",
    ),
    "a larger spread": (
        drifted("distance", effect_spread=2.0, before=of(9.0, 10.0), after=of(9.1, 20.0)),
        "distance varies more: sd 10 → 20 (2.0 times)",
    ),
    "a smaller spread, and a shift that is less": (
        drifted(
            "distance",
            effect_spread=0.5,
            direction=1,
            effect_sd=0.3,
            before=of(9.0, 10.0),
            after=of(12.0, 5.0),
        ),
        "distance varies less: sd 10 → 5 (0.50 times)",
    ),
    "a shift that carries the spread along": (
        drifted("price", **UP, effect_spread=2.0, before=of(10.0, 4.0), after=of(18.4, 8.0)),
        "price up 10 → 18.4 (2.1 sd)",
    ),
    "a spread that outliers hide": (
        drifted("price", effect_spread=0.7, before=of(10.0, 4.0), after=of(10.0, 900.0)),
        "price varies less (0.70 times)",
    ),
    "hardly any change of the spread": (
        drifted("price", effect_spread=1.1, before=of(9.0, 4.0), after=of(9.0, 4.4)),
        "price changed, PSI 0.34",
    ),
    "nothing but one value left": (
        drifted(
            "price",
            effect_spread=0.0,
            before=of(9.0, 4.0),
            after=of(9.0, 0.0),
            **moved("[8, 10)", 0.1, 1.0),
        ),
        "price shape changed ([8, 10): 10% → 100%, PSI 0.34)",
    ),
    "the prediction": (
        drifted("prediction", before=of(), after=of(), **moved("late", 0.2, 0.5)),
        "prediction mix changed (late: 20% → 50%, PSI 0.34)",
    ),
    "a number that falls": (
        drifted("distance", **DOWN, before=of(1040.4, 700.0), after=of(60.2, 300.0)),
        "distance down 1,040 → 60.2 (1.4 sd)",
    ),
    "below zero, and rising": (
        drifted("temp", **UP, before=of(-12.1, 4.0), after=of(-3.7, 4.0)),
        "temp up -12.1 → -3.7 (2.1 sd)",
    ),
    "below zero, and falling": (
        drifted("temp", **DOWN, before=of(-3.7, 4.0), after=of(-12.1, 4.0)),
        "temp down -3.7 → -12.1 (1.4 sd)",
    ),
    "across zero": (
        drifted("balance", **DOWN, before=of(120.0, 90.0), after=of(-6.0, 90.0)),
        "balance down 120 → -6 (1.4 sd)",
    ),
    "a tiny number": (
        drifted("rate", **UP, before=of(1.2e-7, 1e-8), after=of(1.41e-7, 1e-8)),
        "rate up 1.2e-07 → 1.41e-07 (2.1 sd)",
    ),
    "a huge number": (
        drifted("counter", **UP, before=of(4.2e15, 1e14), after=of(4.41e15, 1e14)),
        "counter up 4.2e+15 → 4.41e+15 (2.1 sd)",
    ),
    "a level gone": (
        drifted("carrier", before=of(), after=of(), **moved("UA", 0.3, 0.0)),
        "carrier no longer holds UA (30% → 0% of rows)",
    ),
    "new values that are gone again": (
        drifted("carrier", before=of(), after=of(), **moved("unseen", 0.08, 0.0)),
        "carrier mix changed (unseen: 8% → 0%, PSI 0.34)",
    ),
    "a constant that broke downwards": (
        drifted("gate", direction=-1, effect_sd=-40.0, before=of(3.0, 0.0), after=of(0.4, 1.2)),
        "gate down: always 3 before, now 0.4 on average",
    ),
    "a flag that is never set": (
        drifted(
            "is_weekend",
            direction=-1,
            effect_sd=-0.8,
            effect_rate=-0.2,
            before=of(0.2, 0.4),
            after=of(0.0, 0.0),
            **moved("true", 0.2, 0.0),
        ),
        "is_weekend true in 20% → 0% of rows",
    ),
    "fewer errors": (
        drifted("error", direction=-1, effect_sd=-0.4, before=of(0.12, 0.3), after=of(0.01, 0.1)),
        "error rate 12% → 1%",
    ),
    "a faster service": (
        drifted("latency", direction=-1, effect_sd=-2.0, before=of(48.0, 4.0), after=of(12.0)),
        "latency down 48 → 12 ms (2.0 sd)",
    ),
    "answers less sure": (
        drifted("entropy", direction=1, effect_sd=0.9, before=of(0.41, 0.2), after=of(0.63, 0.2)),
        "entropy up 0.41 → 0.63 (0.9 sd)",
    ),
    "next to nothing known": (drifted("x"), "x changed, PSI 0.34"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_drift_is_said_in_plain_words(case: str) -> None:
    signal, words = CASES[case]
    assert sentence(signal) == words


def test_a_title_names_the_worst_two_and_counts_the_rest() -> None:
    worst, second, third = CASES["a number"][0], CASES["a category"][0], CASES["latency"][0]
    elsewhere = drifted("distance", direction=-1, effect_sd=-0.3)
    assert title([worst, elsewhere, second, third], 21) == (
        "distance up 1,040 → 1,480 (2.1 sd); carrier mix changed (UA: 12% → 31%, PSI 0.34) "
        "and 1 more (3 of 21 signals)"
    )


def test_a_signal_in_many_segments_is_told_once() -> None:
    signals = [
        drifted("distance", **UP, series=f"m@1/{at}", before=of(10.0, 2.0), after=of(14.2, 2.0))
        for at in ("JFK", "LGA", "EWR")
    ]
    assert title(signals, 21) == "distance up 10 → 14.2 (2.1 sd) (1 of 21 signals)"


def test_a_very_long_name_is_cut() -> None:
    assert len(title([drifted("x" * 5000, **moved("y" * 5000, 0.1, 0.2))], 1)) < 200


@UNTIMED
@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_two_figures_that_differ_by_a_millionth_are_told_apart(before: float, after: float) -> None:
    low, _, high = figures(before, after).partition(" → ")
    if abs(after - before) > 1e-6 * max(abs(before), abs(after)):
        assert low != high


@UNTIMED
@given(st.floats(0, 1), st.floats(0, 1))
def test_a_share_is_none_or_all_only_if_it_is_so(before: float, after: float) -> None:
    for text, share in zip(shares(before, after).split(" → "), (before, after), strict=True):
        assert (text == "0%") == (share == 0.0)
        assert (text == "100%") == (share == 1.0)
        number = float(re.sub("under |over |%", "", text))
        assert number == pytest.approx(share * 100, abs=0.51)


numbers = st.floats(allow_nan=False, allow_infinity=False)
spreads = st.none() | st.builds(
    Spread,
    rows=st.integers(0, 10**9),
    mean=st.none() | numbers,
    sd=st.none() | numbers,
    missing=st.floats(0, 1),
)


@UNTIMED
@given(
    st.builds(
        AlertSignal,
        series=st.text(),
        signal=st.text(),
        state=st.just("drift"),
        detector=st.just("psi"),
        scores=st.just({}),
        psi=numbers,
        effect_sd=numbers,
        effect_rate=numbers,
        direction=st.sampled_from([-1, 0, 1]),
        onset=st.just(Onset(ts_ms=0)),
        rows=st.just(1),
        before=spreads,
        after=spreads,
        moved=st.lists(
            st.builds(
                BinShare,
                bin=st.text() | st.sampled_from(["unseen", "wrong type", "true", "missing"]),
                before=st.floats(0, 1),
                after=st.floats(0, 1),
                part=st.floats(0, 1),
            ),
            max_size=2,
        ).map(tuple),
    )
)
def test_there_are_words_for_whatever_a_verdict_holds(signal: AlertSignal) -> None:
    said = sentence(signal)
    assert "None" not in said
    assert len(said) < 400


def test_the_joint_signal_is_counted_but_not_named_beside_what_moved_it() -> None:
    joint, moved_it = drifted("joint", **UP, **pair(0.9, 0.1)), CASES["a number"][0]
    assert title([joint, moved_it], 22) == (
        "distance up 1,040 → 1,480 (2.1 sd) and 1 more (2 of 22 signals)"
    )
    assert title([joint], 22) == (
        "distance and airtime no longer go together as usual (correlation 0.90 → 0.10) "
        "(1 of 22 signals)"
    )


def test_a_missing_text_is_said_once_though_four_signals_miss_it() -> None:
    gone = [
        drifted(f"input.note.{part}", before=of(9.0, 2.0), after=of(9.0, 2.0, missing=0.5))
        for part in ("length", "words", "unknown_words")
    ]
    assert title(gone, 9) == "note missing in 0% → 50% of rows (3 of 9 signals)"

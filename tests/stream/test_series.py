"""What the monitor says of a signal, pane by pane: facts a user relies on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from driftlog.errors import StateError
from driftlog.records import (
    VERDICT,
    Event,
    ReferenceProfile,
    SignalState,
    SignalVerdict,
    Verdict,
)
from driftlog.settings import Settings, load_settings
from stream.book import ReferenceBook
from stream.judging import Judging
from stream.profile import profile_of_events
from stream.rows import MISSING, CategoryColumn, Rows, concat
from stream.sealed import seal, unseal
from stream.series import SeriesState

PANE_MS = 10_000
ROWS = 50  # a pane
DRIFT = SignalState.DRIFT
Values = dict[str, NDArray[Any]]
Change = Callable[[Values], None]


def usual(rng: np.random.Generator, rows: int) -> Values:
    return {
        "distance": rng.normal(1000, 200, rows),
        "skewed": rng.lognormal(0, 1, rows),
        "always": np.full(rows, 7.0),
        "holiday": (rng.random(rows) < 0.1).astype(float),
        "carrier": rng.choice(["UA", "AA", "DL"], rows, p=[0.5, 0.3, 0.2]).astype(object),
    }


@cache
def reference() -> ReferenceProfile:
    values = usual(np.random.default_rng(1), 5_000)
    values["holiday"] = values["holiday"] > 0
    names = list(values)
    cells = zip(*(column.tolist() for column in values.values()), strict=True)
    return profile_of_events(
        [
            Event(
                event_id=f"ref-{i}",
                correlation_id=f"ref-{i}",
                ts_ms=i * PANE_MS // ROWS,
                model="m",
                version="1",
                inputs=dict(zip(names, row, strict=True)),
            )
            for i, row in enumerate(cells)
        ],
        model="m",
        version="1",
        origin="file",
        models=Settings().models,
    )


def chosen(**changes: Any) -> Settings:
    return load_settings(
        environ={}, overrides={k.replace("__", "."): v for k, v in changes.items()}
    )


class Series:
    """One series, fed pane by pane."""

    def __init__(self, seed: int = 2, settings: Settings | None = None) -> None:
        self.settings = settings or chosen()
        self.judging = Judging(self.settings, ReferenceBook([reference()]), partitions=1)
        self.shard = self.judging.shards(reference(), 0)[0]
        self.state = self.fresh()
        self.verdicts: list[Verdict] = []
        self.pane = 0
        self._rng = np.random.default_rng(seed)

    def fresh(self) -> SeriesState:
        return self.judging.fresh(self.shard, reference())

    def rows(self, change: Change | None = None, count: int = ROWS) -> Rows:
        values = usual(self._rng, count)
        if change is not None:
            change(values)
        start = self.pane * PANE_MS
        texts = {name: column for name, column in values.items() if column.dtype == object}
        return Rows(
            model="m",
            version="1",
            ts_ms=start + np.arange(count, dtype=np.int64) * PANE_MS // count,
            key=np.arange(count, dtype=np.uint64),
            partition=np.zeros(count, dtype=np.int32),
            offset=self.pane * 10_000 + np.arange(count, dtype=np.int64),
            correlation_id=[f"req-{self.pane}-{i}" for i in range(count)],
            segment=CategoryColumn((), np.full(count, MISSING, dtype=np.int32)),
            numbers={k: v for k, v in values.items() if k not in texts}
            | {"error": np.zeros(count)},
            categories={name: _coded(column) for name, column in texts.items()},
        )

    def feed(self, panes: int, change: Change | None = None, count: int = ROWS) -> list[Verdict]:
        found = []
        for _ in range(panes):
            rows = self.rows(change, count)
            prepared = self.judging.prepare(reference(), rows)
            found.append(self.state.step(self.pane * PANE_MS, rows, prepared, None))
            self.pane += 1
        self.verdicts += found
        return found


def _coded(column: NDArray[Any]) -> CategoryColumn:
    levels = tuple(sorted({one for one in column if one is not None}))
    index: Mapping[Any, int] = {level: at for at, level in enumerate(levels)} | {None: MISSING}
    return CategoryColumn(levels, np.array([index[one] for one in column], dtype=np.int32))


def of(verdict: Verdict, signal: str) -> SignalVerdict:
    return next(one for one in verdict.signals if one.signal == signal)


def first(verdicts: list[Verdict], signal: str, state: SignalState = DRIFT) -> Verdict:
    return next(one for one in verdicts if of(one, signal).state is state)


def shift(values: Values) -> None:
    values["distance"] += 200.0


def test_a_thousand_quiet_panes_raise_no_alarm() -> None:
    series = Series(seed=11)
    states = {one.state for verdict in series.feed(1_000) for one in verdict.signals}
    assert states <= {SignalState.INSUFFICIENT, SignalState.OK, SignalState.MINOR}


def test_before_there_are_enough_rows_nothing_is_called_ok() -> None:
    series = Series()
    few = chosen().detection.min_rows // ROWS
    for verdict in series.feed(few - 1):
        assert {one.state for one in verdict.signals} == {SignalState.INSUFFICIENT}
    assert {one.state for one in series.feed(1)[0].signals} == {SignalState.OK}


@pytest.mark.parametrize("seed", range(5))
def test_a_shift_of_the_mean_is_seen_soon_and_its_onset_is_near_the_truth(seed: int) -> None:
    series = Series(seed)
    series.feed(70)
    verdicts = series.feed(8, shift)
    seen = of(first(verdicts, "distance"), "distance")
    assert first(verdicts, "distance").pane_ms <= 73 * PANE_MS
    assert seen.direction == 1
    assert seen.effect_sd == pytest.approx(1.0, abs=0.35)
    assert seen.onset is not None
    assert abs(seen.onset.ts_ms - 70 * PANE_MS) <= PANE_MS // 2  # 25 rows
    assert abs(seen.onset.offset - 70 * 10_000) <= 10_000
    assert seen.before is not None and seen.before.mean == pytest.approx(1000, abs=15)
    assert seen.after is not None and seen.after.mean == pytest.approx(1200, abs=60)
    quiet = {one.signal for one in verdicts[-1].signals if one.state is not DRIFT}
    assert quiet == {"skewed", "always", "holiday", "carrier", "error"}


def scaled(factor: float) -> Change:
    def change(values: Values) -> None:
        values["distance"][:] = 1000 + factor * (values["distance"] - 1000)

    return change


@pytest.mark.parametrize(("factor", "panes"), [(2.0, 6), (4.0, 4), (0.5, 8)])
@pytest.mark.parametrize("seed", range(3))
def test_another_spread_is_seen_soon_and_told_as_no_shift_of_the_mean(
    seed: int, factor: float, panes: int
) -> None:
    series = Series(seed)
    series.feed(70)
    verdicts = series.feed(20, scaled(factor))
    told = first(verdicts, "distance")
    seen = of(told, "distance")
    assert told.pane_ms < (70 + panes) * PANE_MS
    assert "spread" in seen.detectors
    assert seen.onset is not None and abs(seen.onset.ts_ms - 70 * PANE_MS) <= PANE_MS
    assert abs(seen.effect_sd) < 0.6  # of 50 rows a pane
    last = of(verdicts[-1], "distance")
    assert last.effect_spread == pytest.approx(min(factor, 2.6), rel=0.25)  # of clipped values
    assert abs(last.effect_sd) < 0.25
    assert {one.signal for one in verdicts[-1].signals if one.state is DRIFT} == {"distance"}


@pytest.mark.parametrize("seed", range(3))
def test_a_spread_that_grows_late_in_a_pane_is_pending_by_that_pane(seed: int) -> None:
    """A fifth of the pane moves its bins too little; the CUSUM knows what its own rows did."""
    series = Series(seed)
    series.feed(20, count=600)

    def late(values: Values) -> None:
        values["distance"][480:] = 1000 + 2.0 * (values["distance"][480:] - 1000)

    seen = of(series.feed(1, late, count=600)[0], "distance")
    assert seen.detectors == ("spread",)
    assert seen.state is SignalState.PENDING
    assert of(series.feed(1, scaled(2.0), count=600)[0], "distance").state is DRIFT


def test_a_spread_that_is_back_to_usual_ends_its_drift() -> None:
    series = Series()
    series.feed(70)
    assert of(series.feed(20, scaled(2.0))[-1], "distance").state is DRIFT
    assert of(series.feed(20)[-1], "distance").state is SignalState.OK


def test_the_onset_is_given_with_the_interval_it_lies_in_and_both_stay() -> None:
    within = 0
    for seed in range(12):
        series = Series(seed)
        series.feed(70)
        verdicts = series.feed(12, shift)
        told = [one.onset for one in (of(v, "distance") for v in verdicts) if one.state is DRIFT]
        assert len(set(told)) == 1
        onset = told[0]
        assert onset is not None
        assert onset.earliest_ms < onset.ts_ms < onset.latest_ms
        assert onset.latest_ms - onset.earliest_ms <= 60 * PANE_MS // ROWS  # d = 1: 30 rows
        within += onset.earliest_ms <= 70 * PANE_MS <= onset.latest_ms
    assert within >= 9


def test_where_only_the_window_moved_the_onset_is_a_pane_near_the_change() -> None:
    series = Series(settings=chosen(detection__detectors=["psi"]))
    series.feed(70)

    def humps(values: Values) -> None:  # of the same mean and sd
        values["distance"] = np.where(np.arange(ROWS) % 2, 820.0, 1180.0) + 0.436 * (
            values["distance"] - 1000
        )

    verdicts = series.feed(50, humps)
    seen = next(
        one for one in (of(verdict, "distance") for verdict in verdicts) if one.state is DRIFT
    )
    assert seen.onset is not None
    assert seen.onset.partition == -1
    assert abs(seen.onset.ts_ms - 70 * PANE_MS) <= 6 * PANE_MS
    assert seen.onset.earliest_ms <= 70 * PANE_MS <= seen.onset.latest_ms


def test_of_a_level_that_comes_now_and_then_the_change_may_be_long_before_its_first_row() -> None:
    series = Series()
    series.feed(70)

    def new(values: Values) -> None:
        values["carrier"][7::10] = "ZZ"

    seen = of(first(series.feed(10, new), "carrier"), "carrier")
    assert seen.onset is not None
    assert seen.onset.ts_ms - seen.onset.earliest_ms > seen.onset.latest_ms - seen.onset.ts_ms
    assert seen.onset.earliest_ms <= 70 * PANE_MS <= seen.onset.latest_ms


def test_before_and_after_are_told_in_the_signal_s_own_figures() -> None:
    series = Series()
    series.feed(70)

    def all_of_it(values: Values) -> None:
        shift(values)
        values["holiday"][:] = np.arange(ROWS) % 2
        values["carrier"][::2] = "DL"

    verdict = series.feed(20, all_of_it)[-1]
    distance, holiday, carrier = (of(verdict, name) for name in ("distance", "holiday", "carrier"))
    assert distance.before is not None and distance.after is not None
    assert distance.before.quantiles == pytest.approx((671, 1000, 1329), abs=20)
    assert distance.after.quantiles == pytest.approx((871, 1200, 1529), abs=50)
    assert holiday.before is not None and holiday.before.mean == pytest.approx(0.1, abs=0.02)
    assert holiday.after is not None and holiday.after.mean == pytest.approx(0.5, abs=0.02)
    assert carrier.before is not None and carrier.after is not None
    assert list(carrier.before.levels) == ["UA", "AA", "DL"]
    assert list(carrier.after.levels) == ["DL", "UA", "AA"]
    assert carrier.after.levels["DL"] == pytest.approx(0.6, abs=0.05)
    assert carrier.after.mean is None


def test_the_moved_bins_are_those_with_the_largest_parts_and_parts_make_up_the_whole() -> None:
    series = Series()
    series.feed(70)
    seen = of(series.feed(20, shift)[-1], "distance")
    parts = [one.part for one in seen.moved]
    assert parts == sorted(parts, reverse=True)
    assert 0.3 < sum(parts) <= 1.0
    flag = Series()
    flag.feed(70)

    def twice(values: Values) -> None:
        values["holiday"][:] = np.arange(ROWS) % 2

    moved = of(flag.feed(20, twice)[-1], "holiday").moved
    assert {one.bin for one in moved} >= {"true", "false"}
    shares = [(one.before, one.after) for one in moved if one.bin in ("true", "false")]
    assert [sum(side) for side in zip(*shares, strict=True)] == pytest.approx([1.0, 1.0], abs=0.01)
    assert sum(one.part for one in moved) == pytest.approx(1.0, abs=0.01)


def test_drift_is_pending_before_it_is_drift() -> None:
    series = Series()
    series.feed(70)
    states = [of(one, "distance").state for one in series.feed(8, shift)]
    at = states.index(DRIFT)
    pending = chosen().detection.pending_panes
    assert states[at - pending + 1 : at] == [SignalState.PENDING] * (pending - 1)


def test_the_samples_are_of_before_the_onset_and_of_now() -> None:
    series = Series()
    series.feed(70)
    verdict = first(series.feed(8, shift), "distance")
    panes = [int(one.split("-")[1]) for one in verdict.samples_before]
    assert panes and max(panes) < 70
    assert {int(one.split("-")[1]) for one in verdict.samples_after} == {verdict.pane_ms // PANE_MS}


def test_a_unit_error_is_seen_at_once_in_its_full_size() -> None:
    series = Series()
    series.feed(70)

    def times_100(values: Values) -> None:
        values["distance"] *= 100

    verdicts = series.feed(3, times_100)
    assert of(verdicts[1], "distance").state is DRIFT
    after = of(verdicts[1], "distance").after
    assert after is not None and after.mean == pytest.approx(100_000, rel=0.2)


def test_a_small_but_certain_shift_is_minor_and_wakes_nobody() -> None:
    series = Series()
    series.feed(60)

    def little(values: Values) -> None:
        values["distance"] += 30.0  # .15 sd

    verdicts = series.feed(120, little)
    states = [of(one, "distance").state for one in verdicts]
    assert DRIFT not in states
    assert SignalState.MINOR in states[60:]


def test_a_constant_that_changes_is_drift() -> None:
    series = Series()
    series.feed(60)

    def other(values: Values) -> None:
        values["always"] += 1.0

    seen = of(first(series.feed(6, other), "always"), "always")
    assert seen.after is not None and seen.after.mean == pytest.approx(8.0)


def test_a_rate_that_doubles_is_drift_of_a_rate() -> None:
    series = Series()
    series.feed(60)

    def twice(values: Values) -> None:
        values["holiday"][:] = np.arange(ROWS) % 4 == 0

    seen = of(first(series.feed(15, twice), "holiday"), "holiday")
    assert seen.effect_rate == pytest.approx(0.15, abs=0.05)


def test_a_vanished_column_is_missing_everywhere_and_drifts() -> None:
    series = Series()
    series.feed(60)
    found = []
    for _ in range(4):
        rows = series.rows()
        bare = replace(
            rows, numbers={k: v for k, v in rows.numbers.items() if k != "distance"}, categories={}
        )
        prepared = series.judging.prepare(reference(), bare)
        found.append(series.state.step(series.pane * PANE_MS, bare, prepared, None))
        series.pane += 1
    for signal in ("distance", "carrier"):
        seen = of(found[-1], signal)
        assert seen.state is DRIFT
        assert seen.effect_rate == pytest.approx(1.0)
        assert seen.after is not None and seen.after.missing == 1.0 and seen.after.mean is None
        assert seen.moved[0].bin == "missing"


def test_nulls_in_a_fifth_of_the_rows_are_drift() -> None:
    series = Series()
    series.feed(60)

    def nulls(values: Values) -> None:
        values["distance"][::5] = np.nan

    seen = of(first(series.feed(15, nulls), "distance"), "distance")
    assert seen.effect_rate == pytest.approx(0.2, abs=0.06)


def test_a_level_never_seen_before_is_drift_and_named_so() -> None:
    series = Series()
    series.feed(60)

    def new(values: Values) -> None:
        values["carrier"][::3] = "ZZ"

    seen = of(first(series.feed(8, new), "carrier"), "carrier")
    assert seen.direction == 0
    assert seen.moved[0].bin == "unseen"
    assert seen.moved[0].before < 0.01 < seen.moved[0].after


def test_panes_without_a_single_value_are_judged_without_nan() -> None:
    series = Series()

    def nothing(values: Values) -> None:
        for name, column in values.items():
            column[:] = None if name == "carrier" else np.nan

    for verdict in series.feed(5, nothing):
        assert VERDICT.decode(VERDICT.encode(verdict)) == verdict  # a NaN would come back as null
        for one in verdict.signals:
            figures = [one.psi, one.effect_sd, one.effect_rate]
            figures += [x for score in one.scores.values() for x in (score.score, score.threshold)]
            assert np.isfinite(figures).all(), one.signal


def test_after_a_recovery_the_signal_is_ok_and_does_not_echo() -> None:
    series = Series()
    series.feed(60)
    series.feed(20, shift)
    back = series.feed(120)
    states = [of(one, "distance").state for one in back]
    recovered = states.index(SignalState.OK)
    assert 0 < recovered <= 2 * chosen().detection.resolve_panes + 1
    assert set(states[:recovered]) == {DRIFT}
    assert set(states[recovered:]) <= {SignalState.OK, SignalState.MINOR, SignalState.INSUFFICIENT}
    again = series.feed(6, shift)
    assert first(again, "distance").pane_ms <= 203 * PANE_MS


def test_the_conventional_preset_decides_by_psi_alone() -> None:
    series = Series(settings=chosen(detection__preset="conventional"))
    series.feed(60)
    verdicts = series.feed(60, shift)
    drifted = first(verdicts, "distance")
    assert of(drifted, "distance").detectors == ("psi",)
    assert set(of(drifted, "distance").scores) == {"psi"}
    assert of(drifted, "distance").scores["psi"].threshold == 0.2
    below = verdicts[: verdicts.index(drifted) - 1]
    assert all(of(one, "distance").scores["psi"].score < 0.2 for one in below)


def test_a_state_taken_anywhere_goes_on_as_if_nothing_had_been() -> None:
    whole, cut = Series(seed=4), Series(seed=4)
    for panes, change in ((8, None), (5, None), (3, shift), (4, shift), (9, None), (20, None)):
        expected = whole.feed(panes, change)
        restored = cut.fresh()
        restored.restore(cut.state.dump())
        cut.state = restored
        assert cut.feed(panes, change) == expected
    assert cut.state.dump() == whole.state.dump()


@pytest.mark.parametrize("kept", [0, 1, 30, -7])
def test_half_a_state_is_refused(kept: int) -> None:
    with pytest.raises(StateError):
        Series().fresh().restore(stored()[:kept])


@cache
def stored() -> bytes:
    series = Series()
    series.feed(20)
    return series.state.dump()


@given(at=st.integers(0, 200_000), byte=st.integers(0, 255), more=st.booleans())
@hypothesis_settings(deadline=None, max_examples=300)
def test_damage_of_any_kind_is_a_state_error_or_none(at: int, byte: int, more: bool) -> None:
    raw = bytearray(unseal("series", 6, stored()))
    raw[at % len(raw)] = byte
    if more:
        raw[(at * 7) % len(raw)] ^= 255
    with suppress(StateError):  # a figure may have changed and look sound, under a new checksum
        Series().fresh().restore(seal("series", 6, bytes(raw)))


def test_a_state_of_another_configuration_is_refused() -> None:
    series, other = Series(), Series(settings=chosen(stream__window_panes=30))
    series.feed(20)
    with pytest.raises(StateError, match="config"):
        other.fresh().restore(series.state.dump())


def test_a_full_state_is_at_most_six_kilobytes_a_signal() -> None:
    series = Series()
    series.feed(70, count=200)
    size = len(series.state.dump()) / len(series.state.signals)
    assert size < 6_000


def test_rows_of_a_segment_alone_give_what_they_would_by_themselves() -> None:
    mixed, alone = Series(seed=6), Series(seed=6)
    noise = Series(seed=7)
    for _ in range(12):
        own, other = mixed.rows(), noise.rows()
        both = concat([own, other])
        order = np.argsort(both.ts_ms, kind="stable")
        rows = both.take(order)
        picked = np.flatnonzero(order < len(own))
        prepared = mixed.judging.prepare(reference(), rows)
        verdict = mixed.state.step(mixed.pane * PANE_MS, rows, prepared, picked)
        mixed.pane, noise.pane = mixed.pane + 1, noise.pane + 1
        assert verdict == alone.feed(1)[0]


def test_a_verdict_counts_the_rows_of_the_window_by_bin() -> None:
    series = Series()
    last = series.feed(70, shift)[-1]
    for profile in reference().signals:
        told = of(last, profile.signal)
        assert len(told.counts) == len(profile.bins)
        assert sum(told.counts) == told.rows
    usual = next(one for one in reference().signals if one.signal == "distance").shares
    shares = [count / last.signals[0].rows for count in of(last, "distance").counts]
    upper = len(usual) // 2
    assert sum(shares[upper:]) > sum(usual[upper:]) + 0.2  # one sd up moves a third of the rows

"""A daily cycle that the reference has seen raises nothing; one it cannot have seen is said."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from driftlog.records import (
    REFERENCE,
    VERDICT,
    ReferenceProfile,
    SignalProfile,
    SignalState,
    Verdict,
)
from driftlog.settings import load_settings
from stream.judging import Judging
from stream.preparation import Preparation
from stream.rehearsal import Rehearsal, Tally
from stream.thresholds import thresholds
from tests.stream.daily import (
    DAY_MS,
    PANE_MS,
    PANE_ROWS,
    Daily,
    Drawn,
    profile_of,
    settings,
)

BEYOND = (SignalState.PENDING, SignalState.DRIFT)


@cache
def reference(amplitude: float = 1.0, seed: int = 1) -> ReferenceProfile:
    return profile_of(Daily(seed, amplitude).days(4))


def run(profile: ReferenceProfile, drawn: Drawn) -> Tally:
    rehearsal = Rehearsal(profile, settings())
    tally = Tally(rehearsal.limits.signals, settings().stream.window_panes)
    for pane in rehearsal.run(drawn.prepared(rehearsal.preparation), PANE_ROWS):
        tally.take(pane)
    return tally


def delay(profile: ReferenceProfile, drawn: Drawn, since_pane: int) -> float:
    """Rows until a change is pending, the mean of the numbers."""
    rehearsal = Rehearsal(profile, settings())
    seen: dict[str, int] = {}
    for pane in rehearsal.run(drawn.prepared(rehearsal.preparation), PANE_ROWS):
        for verdict in pane.verdicts:
            for one in verdict.signals:
                if one.signal.startswith("number") and one.state in BEYOND:
                    assert pane.index >= since_pane, "a false alarm"
                    seen.setdefault(one.signal, pane.index - since_pane + 1)
    assert len(seen) == 8
    return PANE_ROWS * float(np.mean(list(seen.values())))


def test_four_days_carry_a_daily_cycle_of_every_type() -> None:
    profile = reference()
    assert all(one.season is not None and one.season.period == "day" for one in profile.signals)
    assert profile.seasonality == (
        "daily cycle of 10 of 10 signals (number 0, number 1, number 2, number 3, number 4 and 5 "
        "more); a weekly one takes 2 whole weeks, these are 4 days"
    )
    assert REFERENCE.decode(REFERENCE.encode(profile)) == profile
    flag = _of(profile, "flag").season
    assert flag is not None
    assert flag.mean[6] == pytest.approx(0.2, abs=0.04)
    assert flag.mean[18] == pytest.approx(0.02, abs=0.03)
    number = _of(profile, "number 0").season
    assert number is not None
    assert [number.mean[h] for h in (0, 6, 12, 18)] == pytest.approx([50, 54.2, 50, 45.8], abs=0.5)
    assert number.sd == pytest.approx([3.0] * 24, rel=0.15)


def test_a_cycle_that_the_reference_has_seen_raises_nothing() -> None:
    later = Daily(1)
    later.days(4)
    quiet = run(reference(), later.days(6))
    assert quiet.incidents == 0 and quiet.panes == 864

    # The same rows with no time known: whatever the hour, all of the day is usual.
    rows = Daily(1).days(4)
    order = np.random.default_rng(2).permutation(len(rows.ts_ms))
    shuffled = Drawn(
        rows.ts_ms,
        {name: values[order] for name, values in rows.numbers.items()},
        rows.flag[order],
        rows.level[order],
    )
    unaware = profile_of(shuffled, timed=False)
    assert all(one.season is None for one in unaware.signals)
    later = Daily(1)
    later.days(4)
    assert run(unaware, later.days(6)).incidents > 0


@pytest.mark.parametrize("amplitude", [5.0, 30.0])
def test_a_cycle_may_be_nearly_all_of_a_signal(amplitude: float) -> None:
    # What the cycle leaves is then of another order than the values, in bins as in means.
    later = Daily(3, amplitude)
    profile = profile_of(later.days(4))
    number = _of(profile, "number 0")
    assert number.season is not None and list(number.centres) == sorted(number.centres)
    assert run(profile, later.days(2)).incidents == 0


def test_a_shift_on_top_of_the_cycle_is_seen_nearly_as_soon_as_without_one() -> None:
    found = {}
    for amplitude in (1.0, 0.0):
        stream = Daily(7, amplitude)
        profile = profile_of(stream.days(4))
        drawn = stream.days(2.5)
        for values in drawn.numbers.values():
            values[drawn.ts_ms >= 5 * DAY_MS] += 1.5  # half a sd
        found[amplitude] = delay(profile, drawn, DAY_MS // PANE_MS)
    assert found[1.0] <= 1.5 * found[0.0]


def test_evidence_is_of_the_hours_looked_at() -> None:
    stream = Daily(7)
    profile = profile_of(stream.days(4))
    drawn = stream.panes(60)  # 0:00 to 10:00
    drawn.numbers["number 0"][drawn.ts_ms % DAY_MS >= 6 * 3_600_000] += 6.0
    rehearsal = Rehearsal(profile, settings())
    panes = list(rehearsal.run(drawn.prepared(rehearsal.preparation), PANE_ROWS))
    told = next(one for one in panes[42].verdicts[0].signals if one.signal == "number 0")
    assert told.state is SignalState.DRIFT
    assert told.before is not None and told.after is not None
    # Six to seven in the morning the sine is at its top, three sd above the day's mean of 50.
    assert told.before.mean == pytest.approx(54.2, abs=0.5)
    assert told.after.mean == pytest.approx(60.2, abs=0.8)
    assert told.before.sd == pytest.approx(3.0, abs=0.4)
    assert told.effect_sd == pytest.approx(2.0, abs=0.4)
    assert told.moved and told.moved[0].before != pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize(
    ("days", "timed", "why"),
    [
        (0.75, True, "a daily cycle takes 2 whole days, these are 18 hours"),
        (4, False, "the rows have no times"),
    ],
)
def test_a_reference_too_short_says_so(days: float, timed: bool, why: str) -> None:
    profile = profile_of(Daily(3).days(days), timed=timed)
    assert profile.seasonality.endswith(why)
    assert all(one.season is None for one in profile.signals)
    assert profile.rate_by_hour == ()


def test_a_night_without_rows_says_so() -> None:
    rows = Daily(3).days(4)
    day = np.flatnonzero((rows.ts_ms % DAY_MS) // 3_600_000 >= 8)
    profile = profile_of(
        Drawn(
            rows.ts_ms[day],
            {name: values[day] for name, values in rows.numbers.items()},
            rows.flag[day],
            rows.level[day],
        )
    )
    assert "takes 50 rows about every full hour" in profile.seasonality
    assert "1:00 has 0" in profile.seasonality


def test_white_noise_gets_no_cycle() -> None:
    profile = reference(amplitude=0.0)
    assert all(one.season is None for one in profile.signals)
    assert profile.seasonality.startswith("no signal has a daily cycle")
    assert len(profile.rate_by_hour) == 24  # of traffic it is known all the same
    assert profile.rate_by_hour == pytest.approx([profile.rate] * 24, rel=0.02)


def test_two_weeks_carry_a_weekly_cycle() -> None:
    stream = Daily(5, amplitude=0.0)
    rows = stream.days(15)
    weekend = (rows.ts_ms // DAY_MS + 3) % 7 >= 5
    rows.numbers["number 0"][weekend] += 6.0
    profile = profile_of(rows)
    assert profile.seasonality == "weekly cycle of 1 of 10 signals (number 0)"
    season = _of(profile, "number 0").season
    assert season is not None and season.period == "week"
    assert season.mean[12] == pytest.approx(50.0, abs=1.0)  # Monday noon
    assert season.mean[5 * 24 + 12] == pytest.approx(56.0, abs=1.0)  # Saturday noon
    saturday = stream.days(2)  # Friday and Saturday, 16 and 17 January 1970
    saturday.numbers["number 0"][(saturday.ts_ms // DAY_MS + 3) % 7 >= 5] += 6.0
    prepared = saturday.prepared(Preparation(profile.signals))
    assert abs(float(prepared.z[profile.signals.index(_of(profile, "number 0"))].mean())) < 0.1


def test_adwin_is_held_back_where_an_hour_is_known_by_few_of_its_rows() -> None:
    profile = reference()
    rate = {"detection.expected_rate": profile.rate}
    usual = thresholds(profile, load_settings(environ={}, overrides=rate))
    often = {"detection.expected_rate": 100.0 * profile.rate}
    busy = thresholds(profile, load_settings(environ={}, overrides=often))
    # A hundred times the rows an hour, and no more is known: 1 + 100/4 instead of 1 + 1/4.
    assert (busy.adwin_log_inv_delta > 15.0 * usual.adwin_log_inv_delta).all()


def test_hours_are_those_of_the_time_zone() -> None:
    rows = Daily(1).days(4)
    profile = profile_of(rows, timezone="Asia/Kolkata")  # half past five ahead
    season = _of(profile, "number 0").season
    assert season is not None and profile.timezone == "Asia/Kolkata"
    assert season.mean[11] == pytest.approx(54.2, abs=0.6)  # 5:30 UTC
    assert np.argmax(season.mean) in (11, 12)
    prepared = rows.prepared(Preparation(profile.signals, profile.timezone))
    assert abs(float(np.corrcoef(prepared.z[2], np.sin(2 * np.pi * rows.ts_ms / DAY_MS))[0, 1])) < (
        0.05
    )


def test_a_restart_in_the_middle_changes_no_verdict() -> None:
    stream = Daily(9)
    profile = profile_of(stream.days(3))
    drawn = stream.panes(40)
    drawn.numbers["number 1"][1_000:1_500] += 9.0  # up, and back again: windows are cut short
    whole, cut = _verdicts(profile, drawn, restart=False), _verdicts(profile, drawn, restart=True)
    assert whole == cut
    states = [VERDICT.decode(one) for one in whole]
    assert any(s.state is SignalState.DRIFT for verdict in states for s in verdict.signals)


def _verdicts(profile: ReferenceProfile, drawn: Drawn, *, restart: bool) -> list[bytes]:
    rehearsal = Rehearsal(profile, settings())
    judging = Judging(settings(), partitions=1)
    shard = judging.shards(profile, 0)[0]
    state = judging.fresh(shard, profile)
    found: list[Verdict] = []
    prepared = drawn.prepared(rehearsal.preparation)
    for pane in range(len(drawn.ts_ms) // PANE_ROWS):
        start = pane * PANE_MS
        rows = rehearsal._as_rows(PANE_ROWS, start, PANE_MS)
        part = prepared.cut(slice(pane * PANE_ROWS, (pane + 1) * PANE_ROWS))
        found.append(state.step(start, rows, part, None))
        if restart:
            raw = state.dump()
            state = judging.fresh(shard, profile)
            state.restore(raw)
    return [VERDICT.encode(one) for one in found]


def _of(profile: ReferenceProfile, name: str) -> SignalProfile:
    return next(one for one in profile.signals if one.signal == name)

"""Cycles at hourly knots: how near they come, what has none, and what a window of hours holds."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.season import (
    HOUR_MS,
    WEEK_KNOTS,
    SeasonStandardiser,
    SeasonTables,
    SeasonWindow,
    covariance,
    place,
)
from detectors.season_fit import (
    Places,
    at_rows,
    convincing,
    fitted,
    fitted_shares,
    mean_gain,
    spread,
)

DAY_MS = 24 * HOUR_MS


def places(ts_ms: np.ndarray, knots: int = 24) -> Places:
    return Places(*place(ts_ms, knots), (ts_ms // DAY_MS) % 14, knots)


def moments(rows: int, days: int, seed: int = 1) -> np.ndarray:
    return np.sort(np.random.default_rng(seed).integers(0, days * DAY_MS, rows))


def test_a_week_begins_on_monday_and_1970_on_a_thursday() -> None:
    knot, after = place(np.array([0, 4 * DAY_MS, 4 * DAY_MS - HOUR_MS // 4]), WEEK_KNOTS)
    assert knot.tolist() == [72, 0, 167]
    assert after.tolist() == [0.0, 0.0, 0.75]


def test_what_is_left_of_a_daily_sine_is_less_than_a_fiftieth_of_its_spread() -> None:
    ts = moments(20_000, 4)
    wave = np.sqrt(2.0) * np.sin(2.0 * np.pi * ts / DAY_MS + 0.7)
    left = wave - at_rows(fitted(places(ts), wave), places(ts))
    assert np.sqrt((left**2).mean()) < 0.02
    assert np.abs(left).max() < 0.02


def test_rows_at_half_past_alone_leave_nothing_open() -> None:
    ts = np.arange(0, 4 * DAY_MS, HOUR_MS) + HOUR_MS // 2  # straight lines alone would swing freely
    wave = np.sin(2.0 * np.pi * ts / DAY_MS)
    found = fitted(places(ts), wave)
    assert np.abs(found - np.sin(2.0 * np.pi * np.arange(24) / 24)).max() < 0.03


def test_spread_follows_the_hour_and_never_vanishes() -> None:
    ts = moments(60_000, 4)
    busy = np.where(ts % DAY_MS < DAY_MS // 2, 2.0, 0.0)
    sd = spread(places(ts), busy * np.random.default_rng(2).standard_normal(len(ts)))
    assert sd[3:10] == pytest.approx(2.0, rel=0.1)
    assert sd.min() == pytest.approx(0.2 * np.sqrt(2.0), rel=0.1)


def test_shares_follow_the_hour_and_sum_to_one() -> None:
    ts = moments(60_000, 4)
    rate = 0.5 + 0.4 * np.sin(2.0 * np.pi * ts / DAY_MS)
    codes = (np.random.default_rng(3).random(len(ts)) < rate).astype(np.int16)
    shares = fitted_shares(places(ts), codes, np.array([0.5, 0.499, 0.001]))
    assert shares.sum(axis=1) == pytest.approx(1.0)
    hours = np.arange(24)
    assert shares[:, 1] == pytest.approx(0.5 + 0.4 * np.sin(2 * np.pi * hours / 24), abs=0.05)
    assert shares[:, 2].min() > 0.0 and shares[:, 2].max() < 1e-3


@pytest.mark.parametrize(("phi", "amplitude"), [(0.0, 0.3), (0.9, 0.9)])
def test_noise_has_no_cycle_and_a_small_sine_has_one(phi: float, amplitude: float) -> None:
    rng = np.random.default_rng(4)
    ts = moments(40_000, 4)
    variance = (1.0 + phi) / (1.0 - phi)
    for _ in range(5):
        noise = rng.standard_normal(len(ts))
        for i in range(1, len(noise) if phi else 0):
            noise[i] = phi * noise[i - 1] + np.sqrt(1.0 - phi * phi) * noise[i]
        gain = mean_gain(places(ts), noise)
        assert not convincing(gain, len(ts), 24, variance)
        wave = noise + amplitude * np.sin(2.0 * np.pi * ts / DAY_MS)
        assert convincing(mean_gain(places(ts), wave), len(ts), 24, variance)


def test_what_differs_from_day_to_day_is_no_cycle() -> None:
    ts = moments(40_000, 8)
    level = np.random.default_rng(5).standard_normal((8, 4)).repeat(6, axis=1)  # weather
    noise = np.random.default_rng(6).standard_normal(len(ts))
    values = noise + level[ts // DAY_MS, ts % DAY_MS // HOUR_MS]
    assert not convincing(mean_gain(places(ts), values), len(ts), 24, 1.0)


def test_the_error_of_a_fit_is_what_it_is_said_to_be() -> None:
    ts = moments(24 * 200, 2)
    rng = np.random.default_rng(7)
    found = np.array([fitted(places(ts), rng.standard_normal(len(ts))) for _ in range(2_000)])
    said = covariance(places(ts).rows.sum(axis=0))
    assert (found**2).mean() == pytest.approx(np.diag(said).mean(), rel=0.1)
    assert (found.mean(axis=1) ** 2).mean() == pytest.approx(said.mean(), rel=0.1)


@cache
def tables(knots: int = 24, signals: int = 2) -> SeasonTables:
    rng = np.random.default_rng(8)
    shares = rng.dirichlet(np.ones(4), (knots, signals))
    return SeasonTables(
        where=np.arange(signals),
        mean=rng.normal(size=(knots, signals)),
        sd=1.0 + rng.random((knots, signals)),
        rows=np.full(signals, 100.0),
        shares=shares,
        error=np.stack([covariance(np.full(knots, 100.0))] * signals),
    )


def test_a_window_of_a_whole_day_expects_what_the_whole_reference_holds() -> None:
    window = SeasonWindow(tables(), 2, 24)
    for hour in range(24):
        window.update(np.arange(hour * HOUR_MS, (hour + 1) * HOUR_MS, HOUR_MS // 64))
        window.end_pane(hour)
    hours = window.hours(24)
    assert hours.shares == pytest.approx(tables().shares.mean(axis=0), abs=1e-3)
    assert hours.mean == pytest.approx(tables().mean.mean(axis=0), abs=1e-3)
    assert hours.rows == pytest.approx(2_400.0, rel=1e-3)
    # A single hour is known by the rows of about one knot.
    assert 100.0 < float(window.hours(1).rows[0]) < 200.0


def test_what_a_signal_forgot_counts_no_more() -> None:
    window = SeasonWindow(tables(), 2, 10)
    for pane in range(4):
        window.update(np.full(8, 2 * pane * HOUR_MS))
        window.end_pane(pane)
    window.keep_last(np.array([True, False]), 1)
    mean = tables().mean
    assert window.hours(10).mean[0] == pytest.approx(mean[6, 0])
    assert window.hours(10).mean[1] == pytest.approx(mean[[0, 2, 4, 6], 1].mean())


@given(st.lists(st.integers(0, 14 * DAY_MS), max_size=200), st.integers(0, 200))
def test_batches_and_a_restart_in_the_middle_change_nothing(times: list[int], cut: int) -> None:
    clock = np.array(times, dtype=np.int64)
    whole, parts = SeasonWindow(tables(168), 2, 5), SeasonWindow(tables(168), 2, 5)
    whole.update(clock)
    parts.update(clock[:cut])
    again = SeasonWindow(tables(168), 2, 5)
    again.restore(parts.state())
    again.update(clock[cut:])
    for one in (whole, again):
        one.end_pane(3)
    assert again.state() == whole.state()
    assert (again.hours(5).shares == whole.hours(5).shares).all()


def test_state_of_other_knots_is_refused() -> None:
    window = SeasonWindow(tables(24), 2, 5)
    with pytest.raises(ValueError, match="shape"):
        window.restore(SeasonWindow(tables(168), 2, 5).state())


def test_what_has_no_value_has_no_z() -> None:
    hourly = SeasonStandardiser(np.zeros((1, 24)), np.ones((1, 24)), np.array([[-3.0, 3.0]]))
    z = hourly.z(np.array([[np.nan, np.inf, 1.0, -9.0]]), np.zeros(4, dtype=np.int64))
    assert np.isnan(z[0, :2]).all() and z[0, 2:].tolist() == [1.0, -3.0]
    with pytest.raises(ValueError, match="sd is above 0"):
        SeasonStandardiser(np.zeros((1, 24)), np.zeros((1, 24)), np.zeros((1, 2)))
    with pytest.raises(ValueError, match="shape"):
        hourly.z(np.zeros((1, 3)), np.zeros(2, dtype=np.int64))

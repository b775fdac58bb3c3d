"""Rows that stop coming, or come many times more or fewer, are told; nights and deployments not."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from driftlog.records import Alert, AlertStatus, Decision, FaultKind, Severity, Verdict
from driftlog.settings import Duration, Settings, StreamSettings
from stream.incident_state import dump_incidents, load_incidents
from stream.incidents import ModelIncidents
from tests.stream.verdict_factory import MODEL

MINUTE = 60_000
DAY = 24 * 60  # panes
USUAL = Settings(stream=StreamSettings(pane=Duration(MINUTE)))
Rate = Callable[[int], float]  # rows of the pane with that number


def verdict(pane: int, rows: int, version: str = "1", segment: str = "*") -> Verdict:
    return Verdict(
        model=MODEL,
        version=version,
        segment=segment,
        shard=0,
        shards=1,
        pane_ms=pane * MINUTE,
        pane_end_ms=(pane + 1) * MINUTE,
        rows=rows,
        reference_id="ref",
        config="conf",
        signals=(),
    )


def run(
    panes: int, rates: dict[tuple[str, str], Rate], seed: int = 1, cut: int | None = None
) -> list[Alert]:
    """All alerts of a log: rows by version and segment, as the fold of verdicts sees them."""
    rng = np.random.default_rng(seed)
    state = ModelIncidents(MODEL)
    alerts: list[Alert] = []
    for pane in range(panes):
        end = (pane + 1) * MINUTE
        counts = {name: int(rng.poisson(rate(pane))) for name, rate in rates.items()}
        told = [
            verdict(pane, rows, version, segment)
            for (version, segment), rows in sorted(counts.items())
            if rows
        ]
        if pane == cut:
            state = load_incidents(MODEL, dump_incidents(state))
        # Where the model is silent, the fold looks when it has asked to be woken.
        if told or state.wake_ms == end:
            alerts += state.apply(end, told, USUAL)
    return alerts


def first(alerts: Iterable[Alert]) -> Alert:
    return next(one for one in alerts if one.status is AlertStatus.FIRING)


def steady(rate: float, until: int = 10**9, since: int = 0) -> Rate:
    return lambda pane: rate if since <= pane < until else 0.0


def daily(pane: int) -> float:
    """A hundred rows a minute by day, next to none at night."""
    return float(100.0 * max(np.sin(2 * np.pi * pane / DAY), 0.0) ** 2)


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("steady", steady(200.0)),
        ("a day and a night", daily),
        ("a few a minute", steady(3.0)),
        ("one in ten minutes", steady(0.1)),
        ("a job on the hour", lambda pane: 5_000.0 if pane % 60 < 2 else 0.0),
        ("a slow climb", lambda pane: 50.0 * 1.3 ** (pane / DAY)),
        ("office hours", lambda pane: 80.0 if 480 < pane % DAY < 1_080 else 0.0),
    ],
)
def test_traffic_of_every_usual_kind_is_quiet(name: str, rate: Rate) -> None:
    assert run(6 * DAY, {("1", "*"): rate}) == [], name


def test_a_model_that_falls_silent_is_told_within_minutes() -> None:
    alert = first(run(3 * DAY, {("1", "*"): steady(200.0, until=2 * DAY)}))
    assert alert.cause is not None and alert.cause.kind is FaultKind.SILENCE
    assert alert.title == "no rows for 6 min, usually 1,201 in 6 min"
    assert alert.onset.ts_ms == 2 * DAY * MINUTE
    assert alert.opened_ms - alert.onset.ts_ms == 6 * MINUTE
    assert (alert.decision, alert.severity) == (Decision.INVESTIGATE, Severity.CRITICAL)


def test_a_silence_ends_when_rows_come_again() -> None:
    rate: Rate = lambda pane: 0.0 if 2 * DAY <= pane < 2 * DAY + 45 else 200.0  # noqa: E731
    alerts = run(3 * DAY, {("1", "*"): rate})
    assert [one.status for one in alerts] == [AlertStatus.FIRING, AlertStatus.RESOLVED]
    assert alerts[1].resolved_ms == (2 * DAY + 46) * MINUTE


def test_before_a_whole_day_has_been_seen_nothing_is_said() -> None:
    assert run(2 * DAY, {("1", "*"): steady(200.0, until=DAY - 60)}) == []


@pytest.mark.parametrize(("factor", "words"), [(8.0, "many more rows"), (0.1, "far fewer rows")])
def test_many_times_more_or_fewer_rows_than_ever_are_told(factor: float, words: str) -> None:
    rate: Rate = lambda pane: 200.0 * (factor if pane >= 2 * DAY else 1.0)  # noqa: E731
    alert = first(run(3 * DAY, {("1", "*"): rate}))
    assert alert.cause is not None and alert.cause.kind is FaultKind.VOLUME
    assert alert.title.startswith(words)
    assert alert.opened_ms <= (2 * DAY + 20) * MINUTE


def test_what_has_lasted_for_a_day_is_the_usual() -> None:
    rate: Rate = lambda pane: 200.0 * (8.0 if pane >= 2 * DAY else 1.0)  # noqa: E731
    for segment in ("*", "JFK"):
        alerts = run(5 * DAY, {("1", segment): rate})
        (resolved,) = [one for one in alerts if one.status is AlertStatus.RESOLVED]
        assert len({one.alert_id for one in alerts}) == 1
        assert resolved.resolved_ms is not None
        assert 0 <= resolved.resolved_ms - 3 * DAY * MINUTE <= 20 * MINUTE


def test_a_new_version_that_takes_over_is_no_silence() -> None:
    alerts = run(
        3 * DAY,
        {("1", "*"): steady(200.0, until=2 * DAY), ("2", "*"): steady(200.0, since=2 * DAY)},
    )
    assert alerts == []


def test_a_version_that_dies_beside_another_is_told() -> None:
    alert = first(
        run(3 * DAY, {("1", "*"): steady(200.0, until=2 * DAY), ("2", "*"): steady(200.0)})
    )
    assert alert.versions == ("1",)
    assert alert.cause is not None and alert.cause.kind is FaultKind.SILENCE


def test_a_segment_that_falls_silent_is_told_by_its_name() -> None:
    alert = first(
        run(3 * DAY, {("1", "*"): steady(200.0), ("1", "JFK"): steady(40.0, until=2 * DAY)})
    )
    assert alert.title.startswith("no rows of segment JFK for 6 min")
    assert alert.series == (f"{MODEL}@1/JFK",)


@hypothesis_settings(deadline=None, max_examples=8)
@given(cut=st.integers(DAY, 2 * DAY + 400), seed=st.integers(0, 100))
def test_a_restart_changes_nothing(cut: int, seed: int) -> None:
    rate: Rate = lambda pane: 0.0 if 2 * DAY <= pane < 2 * DAY + 60 else 30.0  # noqa: E731
    rates = {("1", "*"): rate, ("1", "JFK"): steady(5.0, until=2 * DAY + 100)}
    panes = 2 * DAY + 400
    assert run(panes, rates, seed, cut) == run(panes, rates, seed)


def test_what_is_kept_of_a_series_is_small() -> None:
    state = ModelIncidents(MODEL)
    for pane in range(9 * DAY):
        if pane % 7 == 0:
            state.apply((pane + 1) * MINUTE, [verdict(pane, 100)], USUAL)
    assert len(msgspec.msgpack.encode(state)) < 600

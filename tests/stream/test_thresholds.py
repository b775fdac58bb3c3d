"""One budget, and the thresholds that follow from it."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as run
from hypothesis import strategies as st
from scipy.signal import lfilter

from detectors import PSI, PageHinkley
from driftlog.records import REFERENCE, Event, ReferenceProfile
from driftlog.settings import DetectionSettings, ModelSettings, Settings, StreamSettings
from stream.preparation import Preparation
from stream.profile import profile_of_events
from stream.rows import CategoryColumn
from stream.thresholds import ASSUMED_RATE, MONTH_S, Thresholds, thresholds

RNG = np.random.default_rng(5)
ROWS = 20_000


def quiet(rows: int) -> dict[str, Any]:
    """Columns that never drift, from the harmless to the nasty."""
    return {
        "ar": lfilter([1], [1, -0.8], RNG.normal(size=rows + 1000))[1000:],
        "lognormal": RNG.lognormal(size=rows),
        "normal": RNG.normal(size=rows),
        "rare": RNG.random(rows) < 0.001,
        "seldom": RNG.random(rows) < 0.01,
        "text": np.minimum(RNG.zipf(1.3, rows), 10**7),
        "zeros": np.where(RNG.random(rows) < 0.8, 0.0, RNG.lognormal(size=rows)),
    }


def reference(columns: dict[str, Any], step_ms: int = 100) -> ReferenceProfile:
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    events = [
        Event(
            event_id=f"e{i}",
            correlation_id="c",
            ts_ms=i * step_ms,
            model="m",
            version="1",
            inputs=dict(zip(columns, row, strict=True)),
        )
        for i, row in enumerate(rows)
    ]
    models = ModelSettings(types={"text": "category"})
    return profile_of_events(events, model="m", version="1", origin="file", models=models)


@pytest.fixture(scope="module")
def profile() -> ReferenceProfile:
    return reference(quiet(ROWS))


def settings(detection: dict[str, Any] | None = None, **models: Any) -> Settings:
    return Settings(
        detection=DetectionSettings(**(detection or {})), models=ModelSettings(**models)
    )


def test_every_signal_has_a_threshold_of_every_detector(profile: ReferenceProfile) -> None:
    found = thresholds(profile, settings())
    count = len(profile.signals)
    assert found.signals == tuple(one.signal for one in profile.signals)
    assert found.cusum.shape == (count, 2, 5)
    assert (found.cusum > 0).all() and np.isfinite(found.cusum[:, :, -1]).all()
    for column in (found.adwin_log_inv_delta, found.psi_level, found.inflation):
        assert column.shape == (count,) and (column > 0).all() and np.isfinite(column).all()


def test_the_budget_is_split_over_signals_detectors_and_series(profile: ReferenceProfile) -> None:
    found = thresholds(profile, settings())
    watched = sum(one.spread is not None for one in profile.signals)
    assert 0 < watched < len(profile.signals)
    levels = sum(bool(one.blocks) for one in profile.signals)
    # Neither spread nor the level over a whole window is watched of every signal.
    streams = len(profile.signals) * 3 + watched + levels
    assert found.rate == pytest.approx(10.0)
    assert found.rows_between == pytest.approx(found.rate * MONTH_S * streams)
    looks = MONTH_S / 10
    assert found.psi_level[0] == pytest.approx(1 / (looks * streams))
    one_detector = thresholds(profile, settings({"detectors": ("psi",)}))
    assert one_detector.psi_level[0] == pytest.approx(
        streams / len(profile.signals) * found.psi_level[0]
    )
    # Two segments make four series: all rows, each of them, and the rest.
    segments = thresholds(profile, settings(segments=("a", "b")))
    assert segments.rows_between == pytest.approx(4 * found.rows_between)


@run(deadline=None, max_examples=50)
@given(
    st.floats(0.01, 5000),
    st.floats(1.0, 50),
    st.integers(1, 20),
    st.integers(1, 40),
)
def test_a_smaller_budget_or_more_to_watch_never_lowers_a_threshold(
    profile: ReferenceProfile, budget: float, less: float, signals: int, more: int
) -> None:
    def of(alarm_budget: float, count: int) -> Thresholds:
        some = tuple(
            msgspec.structs.replace(profile.signals[i % len(profile.signals)], signal=f"s{i}")
            for i in range(count)
        )
        return thresholds(
            msgspec.structs.replace(profile, signals=some), settings({"alarm_budget": alarm_budget})
        )

    base = of(budget, signals)
    for stricter in (of(budget / less, signals), of(budget, signals + more)):
        kept = slice(0, signals)
        assert (stricter.cusum[kept] >= base.cusum - 1e-9).all()
        assert (stricter.adwin_log_inv_delta[kept] >= base.adwin_log_inv_delta - 1e-9).all()
        assert (stricter.psi_level[kept] <= base.psi_level).all()


def test_an_unknown_rate_is_taken_as_a_fast_one_unless_the_settings_know(
    profile: ReferenceProfile,
) -> None:
    timeless = msgspec.structs.replace(profile, rate=0.0)
    assert thresholds(timeless, settings()).rate == ASSUMED_RATE
    assert thresholds(timeless, settings({"expected_rate": 3.0})).rate == 3.0
    assert thresholds(profile, settings({"expected_rate": 3.0})).rate == 3.0


def test_a_reference_from_before_spread_and_level_were_watched_is_judged_as_it_was(
    profile: ReferenceProfile,
) -> None:
    old = msgspec.structs.replace(
        profile,
        signals=tuple(
            msgspec.structs.replace(one, spread=None, blocks=()) for one in profile.signals
        ),
    )
    assert b"spread" not in REFERENCE.encode(old) and b"blocks" not in REFERENCE.encode(old)
    found = thresholds(old, settings())
    before = thresholds(old, settings({"detectors": ("page_hinkley", "adwin", "psi")}))
    assert np.isinf(found.spread).all()
    assert (found.cusum == before.cusum).all() and (found.psi_level == before.psi_level).all()
    assert (found.adwin_log_inv_delta == before.adwin_log_inv_delta).all()


def test_a_smaller_reference_is_trusted_less() -> None:
    columns = quiet(ROWS)
    large = reference(columns)
    small = reference({name: column[:1000] for name, column in columns.items()})
    found, wary = thresholds(large, settings()), thresholds(small, settings())
    assert (wary.smallest_shift > 3 * found.smallest_shift).all()
    ar = found.signals.index("ar")
    assert wary.inflation[ar] > small.signals[ar].inflation
    # What is below the reference's own error is not looked for.
    assert np.isinf(wary.cusum[ar, 0]).sum() > np.isinf(found.cusum[ar, 0]).sum()
    normal = found.signals.index("normal")
    kept = np.isfinite(wary.cusum[normal])
    assert (wary.cusum[normal][kept] > found.cusum[normal][kept] * 0.99).all()


def test_the_conventional_preset_decides_by_the_textbook_alone(profile: ReferenceProfile) -> None:
    found = thresholds(profile, settings({"preset": "conventional"}))
    assert found.detectors == ("psi",)
    assert found.psi_fixed == 0.2
    assert set(found.psi_level.tolist()) == {0.05}
    assert thresholds(profile, settings()).psi_fixed is None


def test_quiet_rows_stay_within_the_budget_and_a_shift_does_not(profile: ReferenceProfile) -> None:
    """A million rows that never drift, at thresholds for one alarm in 100,000 rows a signal."""
    between, rows = 1e5, 1_000_000
    base = thresholds(profile, settings())
    rate = base.rate * between / base.rows_between
    found = thresholds(profile, settings({"expected_rate": rate}))
    assert found.rows_between == pytest.approx(between)

    preparation = Preparation(profile.signals)
    bank = PageHinkley(found.cusum, found.allowances, on_alarm="reset")
    hits = np.zeros(len(found.signals), dtype=np.int64)
    for pane in range(10):
        prepared = _prepared(preparation, quiet(rows // 10))
        bank.update(prepared.z, np.zeros((3, rows // 10), dtype=np.int64))
        for place, _ in bank.end_pane(pane).hits:
            hits[place] += 1
    # Ten are expected of each at most; 20 or more come by chance once in 300 times.
    assert hits.max() < 20, dict(zip(found.signals, hits.tolist(), strict=True))

    shifted = quiet(20_000)
    shifted["normal"] = shifted["normal"] + 0.5
    bank.reset()
    bank.update(_prepared(preparation, shifted).z, np.zeros((3, 20_000), dtype=np.int64))
    first = min(row for place, row in bank.end_pane(99).hits if found.signals[place] == "normal")
    assert first < 3 * 2 * np.log(between) / 0.5**2


def test_quiet_windows_stay_within_the_level(profile: ReferenceProfile) -> None:
    found = thresholds(profile, settings({"alarm_budget": 10_000.0}))
    preparation = Preparation(profile.signals)
    psi = PSI(
        preparation.shares,
        preparation.rows,
        panes=2,
        level=np.full(len(found.signals), 1e-3),
        inflation=found.inflation,
    )
    alarms = np.zeros(len(found.signals), dtype=np.int64)
    for pane in range(400):
        psi.update(_prepared(preparation, quiet(500)).bins, np.zeros((3, 500), dtype=np.int64))
        alarms += psi.end_pane(pane).alarm
    assert alarms.max() <= 4  # 0.4 expected of each; 5 or more once in 16,000 times


def test_a_pane_of_another_length_is_another_number_of_looks(profile: ReferenceProfile) -> None:
    day = Settings(stream=StreamSettings(pane=86_400_000))  # type: ignore[arg-type]  # milliseconds
    assert thresholds(profile, day).psi_level[0] > thresholds(profile, Settings()).psi_level[0]


def _prepared(preparation: Preparation, columns: dict[str, Any]) -> Any:
    levels, codes = np.unique(columns["text"], return_inverse=True)
    n = len(codes)
    numbers = {k: v.astype(np.float64) for k, v in columns.items() if k != "text"}
    text = CategoryColumn(tuple(str(level) for level in levels), codes.astype(np.int32))
    return preparation.of_columns(n, numbers | {"error": np.zeros(n)}, {"text": text})

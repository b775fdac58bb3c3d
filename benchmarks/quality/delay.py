"""Delay and onset of the detectors alone, in rows, against the yardstick and ADWIN.

The yardstick is ``2 V ln(T) / d^2``: about the worst-case delay of any detector for a shift of d
standard deviations at T rows between false alarms (Lorden 1971); V the long-run variance. T is
measured on quiet rows, not nominal, and both detectors are set to the same T.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.kinds import KINDS, Kind, Source
from benchmarks.quality.model import SIGNALS, prepared, reference
from detectors import ADWIN, PageHinkley
from detectors.change_point import half_width
from driftlog.records import ReferenceProfile
from driftlog.settings import Settings
from stream.preparation import Preparation
from stream.thresholds import MONTH_S, Thresholds, thresholds

__all__ = ["ADWIN_DELTA", "SHIFTS", "Delay", "EqualTerms", "Terms", "equal_terms", "measure_delay"]

SHIFTS = (0.1, 0.25, 0.5, 1.0, 2.0, 3.0)
ADWIN_DELTA = 0.002
_WARM = 5_000  # rows before the change
_CLOCK = 32  # of ADWIN: changes fall anywhere between two checks
_BATCH = 50_000  # rows at once while T is measured
_DETECTORS = 3  # that share the budget

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Terms:
    """How seldom two detectors raise false alarms on a kind, as measured.

    between: T in rows of one signal; false: the alarms it was measured by; nominal: the T that the
    bank's thresholds were solved for; variance: V of the kind, true.
    """

    kind: str
    between_cusum: float
    false_cusum: int
    between_adwin: float
    false_adwin: int
    nominal: float
    adwin_log_inv_delta: float
    variance: float

    def yardstick(self, shift: float) -> float:
        """``2 V ln(T) / d^2`` rows."""
        return 2.0 * self.variance * float(np.log(self.between_cusum)) / shift**2


@dataclass(frozen=True, slots=True)
class EqualTerms:
    """A bank of CUSUMs and an ADWIN that raise false alarms equally seldom on this kind."""

    kind: Kind
    profile: ReferenceProfile
    limits: Thresholds
    adwin_scale: FloatArray
    terms: Terms


@dataclass(frozen=True, slots=True)
class Delay:
    """Delays after one shift. Rows; ``onset`` the median error as a share of the median delay.

    covered: share of the runs whose true change lies within the 90 % interval of the onset.
    """

    kind: str
    shift: float
    runs: int
    seen: int
    mean: float
    median: float
    yardstick: float
    onset: float
    adwin_seen: int
    adwin_mean: float
    adwin_onset: float
    covered: float = 0.0

    @property
    def ratio(self) -> float:
        """Mean delay over the yardstick."""
        return self.mean / self.yardstick

    @property
    def against_adwin(self) -> float:
        """Mean delay over ADWIN's."""
        return self.mean / self.adwin_mean


def equal_terms(
    name: str,
    reference_rows: int,
    rows: int,
    rng: np.random.Generator,
    advance: Callable[[int], None] = lambda _: None,
) -> EqualTerms:
    """Set the bank to the T that ADWIN .002 has on quiet rows of this kind.

    Autocorrelated kinds have ADWIN as production solves it for the bank's nominal T, since ADWIN
    .002 alarms all the time there; T of both is measured and told.

    Args:
        name: of the kind.
        reference_rows: m.
        rows: quiet rows, of all signals together, by which each T is measured.
        rng: for reference and rows.
        advance: told the values done.
    """
    kind = KINDS[name]
    profile = reference(kind, reference_rows, rng)
    preparation = Preparation(profile.signals)
    variance = (1.0 + kind.phi) / (1.0 - kind.phi)
    nominal = 800_000.0
    limits = _limits(profile, nominal)
    independent = kind.phi == 0.0
    log_inv_delta = float(
        -np.log(ADWIN_DELTA) if independent else np.mean(limits.adwin_log_inv_delta)
    )
    scale = np.ones(SIGNALS) if independent else limits.adwin_scale
    adwin = ADWIN(np.full(SIGNALS, log_inv_delta), scale=scale)
    false_adwin = _false_alarms(adwin, kind, preparation, rows, rng, advance)
    false_cusum = _false_alarms(_restarting(limits), kind, preparation, rows, rng, advance)
    if independent and false_adwin and false_cusum:
        nominal *= false_cusum / false_adwin  # T is in proportion to what it was solved for
        limits = _limits(profile, nominal)
        false_cusum = _false_alarms(_restarting(limits), kind, preparation, rows, rng, advance)
    return EqualTerms(
        kind=kind,
        profile=profile,
        limits=limits,
        adwin_scale=scale,
        terms=Terms(
            kind=name,
            between_cusum=rows / max(false_cusum, 1),
            false_cusum=false_cusum,
            between_adwin=rows / max(false_adwin, 1),
            false_adwin=false_adwin,
            nominal=nominal,
            adwin_log_inv_delta=log_inv_delta,
            variance=variance,
        ),
    )


def _limits(profile: ReferenceProfile, between: float) -> Thresholds:
    """Production thresholds at which one detector of one signal has this T."""
    base = Settings()
    rate = between / (MONTH_S * len(profile.signals) * _DETECTORS)
    detection = msgspec.structs.replace(base.detection, expected_rate=rate)
    return thresholds(profile, msgspec.structs.replace(base, detection=detection))


def _restarting(limits: Thresholds) -> PageHinkley:
    return PageHinkley(limits.cusum, limits.allowances, on_alarm="reset")


def _false_alarms(
    detector: PageHinkley | ADWIN,
    kind: Kind,
    preparation: Preparation,
    rows: int,
    rng: np.random.Generator,
    advance: Callable[[int], None],
) -> int:
    source = Source(kind, SIGNALS, rng)
    found = 0
    marks = np.zeros((3, _BATCH), dtype=np.int64)
    for pane in range(-(-rows // (_BATCH * SIGNALS))):
        detector.update(prepared(preparation, source.rows(_BATCH), kind).z, marks)
        found += len(detector.end_pane(pane).hits)
        advance(_BATCH * SIGNALS)
    return found


def measure_delay(equal: EqualTerms, shift: float, batches: int, rng: np.random.Generator) -> Delay:
    """Delays of ``20 x batches`` runs after a sudden shift of the mean by ``shift`` sd.

    Each run begins afresh, is quiet for 5,000 rows and up to one more check of ADWIN, and then
    shifts. Runs with a false alarm before it are left out.
    """
    after = int(8 * equal.terms.yardstick(shift) + 20 * _CLOCK)
    delays: list[int] = []
    errors: list[int] = []
    covered: list[bool] = []
    adwin_delays: list[int] = []
    adwin_errors: list[int] = []
    preparation = Preparation(equal.profile.signals)
    runs = 0
    for batch in range(batches):
        change = _WARM + rng.integers(0, _CLOCK, SIGNALS)
        values = Source(equal.kind, SIGNALS, rng).rows(_WARM + _CLOCK + after)
        where = np.arange(values.shape[1])
        # Every other run shifts down, so that both sides are tried.
        values += np.where(where >= change[:, None], shift * (1 - 2 * (batch % 2)), 0.0)
        z = prepared(preparation, values, equal.kind).z
        bank = PageHinkley(equal.limits.cusum, equal.limits.allowances)
        adwin = ADWIN(np.full(SIGNALS, equal.terms.adwin_log_inv_delta), scale=equal.adwin_scale)
        runs += SIGNALS
        for found in _first(bank, z, change):
            delays.append(found.row - found.change + 1)
            errors.append(found.error)
            variance = equal.profile.signals[found.signal].long_run_variance
            covered.append(found.error <= found.half_width(z, variance))
        for found in _first(adwin, z, change):
            adwin_delays.append(found.row - found.change + 1)
            adwin_errors.append(found.error)
    return Delay(
        kind=equal.kind.name,
        shift=shift,
        runs=runs,
        seen=len(delays),
        mean=float(np.mean(delays)),
        median=float(np.median(delays)),
        yardstick=equal.terms.yardstick(shift),
        onset=_relative(errors, delays),
        adwin_seen=len(adwin_delays),
        adwin_mean=float(np.mean(adwin_delays)),
        adwin_onset=_relative(adwin_errors, adwin_delays),
        covered=float(np.mean(covered)) if covered else 0.0,
    )


@dataclass(frozen=True, slots=True)
class _Alarm:
    """A first alarm after the change: rows of the change, the alarm and the onset named."""

    signal: int
    change: int
    row: int
    onset: int

    @property
    def error(self) -> int:
        return abs(self.onset - self.change)

    def half_width(self, z: FloatArray, variance: float) -> float:
        """Rows of the interval to either side, by the shift measured up to the alarm."""
        shift = z[self.signal, self.onset : self.row + 1].mean(keepdims=True)
        return float(half_width(shift, np.array([variance]))[0])


def _first(detector: PageHinkley | ADWIN, z: FloatArray, change: IntArray) -> Iterator[_Alarm]:
    """Yield each signal's first alarm, if it is a true one."""
    at = np.zeros((3, z.shape[1]), dtype=np.int64)
    at[2] = np.arange(z.shape[1])
    detector.update(z, at)
    reading = detector.end_pane(0)
    first: dict[int, int] = {}
    for signal, row in reading.hits:
        first.setdefault(signal, row)
    for signal, row in first.items():
        if row >= change[signal]:
            yield _Alarm(signal, int(change[signal]), int(row), int(reading.onset[2, signal]))


def _relative(errors: list[int], delays: list[int]) -> float:
    return float(np.median(errors) / np.median(delays)) if delays else float("nan")

"""Changes of spread and shape, row by row: a bank of CUSUMs over the root of |z|."""

from dataclasses import dataclass
from math import gamma, pi, sqrt
from typing import Any, ClassVar, Literal, Self

import numpy as np

from detectors.calibration import normal_thresholds
from detectors.contract import BoolArray, FloatArray, IntArray, Reading, check_batch
from detectors.page_hinkley import ALLOWANCES, PageHinkley

_NORMAL_CENTRE = 2**0.25 * gamma(0.75) / sqrt(pi)  # of the root of |z| under N(0,1): .822
_NORMAL_SCALE = sqrt(sqrt(2.0 / pi) - _NORMAL_CENTRE**2)  # .349


def distance(z: FloatArray) -> FloatArray:
    """The root of |z|, of any shape: what the spread detector watches the mean of.

    The root because it is nearly normal under N(0,1), and light-tailed for any signal: its CUSUMs
    have low thresholds where those of |z| or of z squared are at the mercy of rare large values,
    and it also rises when values leave the middle while the variance stays.

    Source: Hawkins (1981).
    """
    root: FloatArray = np.sqrt(np.abs(z))
    return root


@dataclass(frozen=True, slots=True)
class SpreadReading(Reading):
    """A `Reading` with the size of the change; its direction is always 0.

    ratio: float64 (S,), by what the distances from the reference's mean are multiplied since the
        onset, as it stood when the member alarmed; 1 where there is no alarm. Of a change of scale
        alone it is the ratio of the standard deviations.
    """

    ratio: FloatArray


class Spread:
    r"""Two-sided CUSUMs over the root of \|z\|, for what moves without moving the mean.

    Each row becomes ``(sqrt(|z|) - centre) / scale``, which has mean 0 and standard deviation 1
    over the reference, and goes through the bank of `detectors.PageHinkley`: up when values lie
    further from the reference's mean than usual, down when they lie closer. Score, threshold,
    onset and hits are that bank's. A shift of the mean carries values away from it too; it is for
    the reader of both detectors to tell the two apart, by which one alarmed first.

    Parameters
    ----------
    thresholds
        h, float64 (S, 2, K): signal, side (wider, narrower), allowance; in `scale`. ``inf`` drops
        a member. `detectors.calibration.cusum_thresholds` solves them from the transformed rows
        of a reference. A signal without a member is off: its score is 0.
    centre, scale
        mean and standard deviation of ``sqrt(|z|)`` over the reference, each (S,).
    allowances, on_alarm, ceiling
        as in `detectors.PageHinkley`.

    The classic mistake is to take the centre of N(0,1), .822, for a signal that has another shape:
    any skewed or heavy-tailed signal then seems to have changed from the first row.

    Raises ValueError for shapes that do not fit, thresholds that are not positive, and a scale
    that is not positive where the signal is on.

    Examples
    --------
    A standard deviation that doubles at row 500:

    >>> rng = np.random.default_rng(7)
    >>> z = rng.normal(size=(1, 1000))
    >>> z[0, 500:] *= 2.0
    >>> at = np.array([np.arange(1000) * 100, np.zeros(1000), np.arange(1000)], dtype=np.int64)
    >>> bank = Spread.textbook(1)
    >>> bank.update(z, at)
    >>> reading = bank.end_pane(0)
    >>> reading.hits, reading.onset[:, 0].tolist(), round(float(reading.ratio[0]), 1)
    (((0, 575),), [48400, 0, 484], 1.6)

    References
    ----------
    D. M. Hawkins (1981), A CUSUM for a Scale Parameter, J. Quality Technology 13, 228-231.
    E. S. Page (1954), Continuous Inspection Schemes, Biometrika 41, 100-115.
    """

    name: ClassVar[str] = "spread"
    takes: ClassVar[Literal["z", "bins"]] = "z"

    def __init__(
        self,
        thresholds: FloatArray,
        centre: FloatArray,
        scale: FloatArray,
        allowances: tuple[float, ...] = ALLOWANCES,
        *,
        on_alarm: Literal["hold", "reset"] = "hold",
        ceiling: float = 1.25,
    ) -> None:
        self._bank = PageHinkley(thresholds, allowances, on_alarm=on_alarm, ceiling=ceiling)
        shape = (self._bank.signals,)
        if centre.shape != shape or scale.shape != shape:
            raise ValueError(
                f"centre has shape {centre.shape} and scale {scale.shape}; thresholds for "
                f"{shape[0]} signals need {shape}"
            )
        on = np.isfinite(thresholds).any(axis=(1, 2))
        if not bool(np.all(scale[on] > 0)):
            raise ValueError(f"scale holds {np.min(scale[on])}; it must be above 0")
        # Rows of a signal that is off become no value, which the bank skips.
        self._centre = np.where(on, centre, np.nan)
        self._scale = np.where(on, scale, 1.0)

    @classmethod
    def textbook(cls, signals: int) -> Self:
        """Centre, scale and thresholds for N(0,1), at one false alarm in about a million rows."""
        ones = np.ones(signals)
        bank = np.repeat(normal_thresholds(ALLOWANCES)[None], signals, axis=0)
        return cls(bank, _NORMAL_CENTRE * ones, _NORMAL_SCALE * ones)

    @property
    def signals(self) -> int:
        """S, the number of signals."""
        return self._bank.signals

    def update(self, x: FloatArray, at: IntArray) -> None:
        """Take the next rows; see `detectors.contract.Detector.update`."""
        check_batch(x, at, self.signals)
        y = distance(x)
        y -= self._centre[:, None]
        y /= self._scale[:, None]
        self._bank.update(y, at)

    def end_pane(self, pane: int) -> SpreadReading:
        """Close the pane; see `detectors.contract.Detector.end_pane`."""
        found = self._bank.end_pane(pane)
        there = found.alarm
        ratio = np.ones(self.signals)
        if there.any():
            shift = found.effect[there] * self._scale[there]
            ratio[there] = (1.0 + shift / self._centre[there]) ** 2
        return SpreadReading(
            score=found.score,
            threshold=found.threshold,
            alarm=there,
            direction=np.zeros(self.signals, dtype=np.int8),
            onset=found.onset,
            hits=found.hits,
            ratio=ratio,
        )

    def reset(self, signals: BoolArray | None = None) -> None:
        """Forget; see `detectors.contract.Detector.reset`."""
        self._bank.reset(signals)

    def state(self) -> dict[str, Any]:
        """Plain data: that of the bank."""
        return self._bank.state()

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`; see `detectors.contract.Detector.restore`."""
        self._bank.restore(state)

"""What every detector takes and gives: the one contract the pane step of the service relies on."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
CodeArray = NDArray[np.int16]

BELOW_ONE = 1.0 - 1e-15  # a ratio that has not reached 1 is shown as this much at most


@dataclass(frozen=True, slots=True)
class Reading:
    """What a detector says of one pane, for all S signals at once. Every number is finite.

    score: float64 (S,), the detector's statistic.
    threshold: float64 (S,), in the unit of the score.
    alarm: bool (S,), true exactly where ``score >= threshold``.
    direction: int8 (S,), +1 for a rise of the mean, -1 for a fall, 0 where there is no alarm or
        the statistic has no direction.
    onset: int64 (3, S), the estimated first row after the change as (event time in ms, source
        partition, source offset); -1 where there is none.
    hits: the pane's detections as (signal, row in the pane), ordered by row, then signal. A
        detector that decides at the end of a pane lists none.
    """

    score: FloatArray
    threshold: FloatArray
    alarm: BoolArray
    direction: NDArray[np.int8]
    onset: IntArray
    hits: tuple[tuple[int, int], ...]


class Detector(Protocol):
    """A bank of S univariate detectors that step together.

    Call order: ``update`` any number of times with the pane's rows in event-time order, then
    ``end_pane``; how the rows are cut into batches changes nothing. A detector owns its arrays:
    it neither keeps nor changes what it is given.
    """

    name: ClassVar[str]  # label value on the wire: "page_hinkley", "adwin", "psi"
    takes: ClassVar[Literal["z", "bins"]]  # standardised float64 values, or int16 bin codes

    @classmethod
    def textbook(cls, signals: int) -> Self:
        """A detector with the literature's settings, for standard normal z or 12 equal bins."""
        ...

    @property
    def signals(self) -> int:
        """S, the number of signals."""
        ...

    def update(self, x: NDArray[Any], at: IntArray) -> None:
        """Take the next rows: x (S, N), and `at` int64 (3, N), the mark of each row.

        A mark is (event time in ms, source partition, source offset). Values that are not finite
        (z) or negative (codes) are no value and are skipped. Raises ValueError on a wrong shape.
        """
        ...

    def end_pane(self, pane: int) -> Reading:
        """Close the tumbling pane of this index and read the verdicts.

        Indices increase; one that is left out is a pane without rows. Raises ValueError when
        `pane` does not come after the pane ended before.
        """
        ...

    def reset(self, signals: BoolArray | None = None) -> None:
        """Forget everything seen, of the signals where the mask (S,) is true, or of all."""
        ...

    def state(self) -> dict[str, Any]:
        """All that was learned from the stream, as plain data with a format version ``v``.

        Only ints, floats, bytes, strings, lists and dicts; configuration is not part of it.
        """
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Go on exactly where `state` was taken; the configuration must be the same.

        Raises ValueError when the state is of another version or another number of signals.
        """
        ...


def check_batch(x: NDArray[Any], at: IntArray, signals: int) -> None:
    """Raise ValueError unless x is (signals, N) and `at` is (3, N) of integers."""
    if x.ndim != 2 or x.shape[0] != signals:
        raise ValueError(f"x has shape {x.shape}; this detector takes ({signals}, rows)")
    if at.shape != (3, x.shape[1]):
        raise ValueError(f"at has shape {at.shape}; {x.shape[1]} rows need (3, {x.shape[1]})")
    if at.dtype != np.int64:
        raise ValueError(f"at is {at.dtype}; times, partitions and offsets are int64")


def check_pane(last: int, pane: int) -> int:
    """`pane`, or ValueError when it does not come after the pane ended last."""
    if pane <= last:
        raise ValueError(f"pane {pane} ended after pane {last}; pane indices increase")
    return int(pane)


def check_state(state: dict[str, Any], version: int, shape: list[int]) -> None:
    """Raise ValueError unless the state is of this version and shape."""
    if state.get("v") != version:
        raise ValueError(f"state has version {state.get('v')!r}; this detector reads {version}")
    if state.get("shape") != shape:
        raise ValueError(f"state is of shape {state.get('shape')}; this detector has {shape}")


def no_marks(signals: int) -> IntArray:
    """Marks (3, S) that say 'none'."""
    return np.full((3, signals), -1, dtype=np.int64)


def finite(x: NDArray[Any]) -> FloatArray:
    """x as float64 for a kernel, without a copy where it is that already."""
    return np.ascontiguousarray(x, dtype=np.float64)

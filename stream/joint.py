"""The joint signal: made from a row's inputs, and how it tells which of them it is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.joint import JointScore, Ties
from driftlog.records import (
    CorrelationShift,
    JointProfile,
    ReferenceProfile,
    SignalProfile,
    rounded,
)

__all__ = ["JointInputs", "PairMemory", "joint_inputs", "without_joint"]

_TOLD: Final = 3  # pairs named
_REMEMBERED: Final = 64  # pairs whose correlation is followed; those that weigh most
_UNIT: Final = 4096.0  # fixed point, so that sums are exact in whatever order

FloatArray = NDArray[np.float64]


class JointInputs:
    """The inputs of a joint signal among the signals of a reference, ready to score rows.

    Args:
        joint: what the reference says of them.
        signals: all signals of the reference, in its order; an input that is not there is missing.
    """

    def __init__(self, joint: JointProfile, signals: Sequence[SignalProfile]) -> None:
        place = {one.signal: at for at, one in enumerate(signals)}
        self.names = joint.inputs
        self.score = JointScore(
            Ties(
                inputs=np.array([place.get(name, -1) for name in joint.inputs], dtype=np.int64),
                centre=np.array(joint.centre, dtype=np.float64),
                scale=np.array(joint.scale, dtype=np.float64),
                pairs=np.array(joint.pairs, dtype=np.int64).reshape(-1, 2),
                correlation=np.array(joint.correlation, dtype=np.float64),
                weight=np.array(joint.weight, dtype=np.float64),
            )
        )


def joint_inputs(signals: Sequence[SignalProfile]) -> tuple[int, JointInputs] | None:
    """The place of the joint signal and its inputs; None where there is no such signal."""
    for at, one in enumerate(signals):
        if one.joint is not None:
            return at, JointInputs(one.joint, signals)
    return None


def without_joint(profile: ReferenceProfile) -> ReferenceProfile:
    """The same reference, id included, without its joint signal."""
    kept = tuple(one for one in profile.signals if one.joint is None)
    if len(kept) == len(profile.signals):
        return profile
    return msgspec.structs.replace(profile, signals=kept)


class PairMemory:
    """How the inputs of a joint signal go together since it moved: six sums for each of few pairs.

    Nothing is kept, and nothing computed, while the signal is as usual.
    """

    def __init__(self, inputs: JointInputs) -> None:
        self._inputs = inputs
        ties = inputs.score.ties
        share = np.abs(ties.weight) * (1.0 - ties.correlation**2)
        kept = np.sort(np.argsort(-share, kind="stable")[:_REMEMBERED])
        self._pairs = np.ascontiguousarray(ties.pairs[kept])
        self._correlation, self._weight = ties.correlation[kept], ties.weight[kept]
        self._sums = np.zeros((len(kept), 6), dtype=np.int64)

    def take(self, z: FloatArray) -> None:
        """Take the rows of a pane at which the signal has moved, z (S, n) of all signals."""
        found = self._inputs.score.moments(z, self._pairs)
        self._sums += np.rint(found * _UNIT).astype(np.int64)

    def forget(self) -> None:
        """Begin anew: the signal is as usual."""
        if self._sums.any():
            self._sums[:] = 0

    def told(self) -> tuple[CorrelationShift, ...]:
        """The pairs that make up most of the score, the largest part first.

        A pair's part is the absolute mean of its term (see `detectors.joint.JointScore`), which is
        0 in the reference, over the sum of all pairs followed.
        """
        sums = self._sums / _UNIT
        n = np.maximum(sums[:, 0], 1.0)
        first, second, squares, others, product = (sums[:, k] / n for k in range(1, 6))
        term = np.abs(self._weight * (2.0 * product - self._correlation * (squares + others)))
        whole = float(term.sum())
        if not sums[:, 0].any() or whole <= 0.0:
            return ()
        spread = np.sqrt(np.maximum(squares - first**2, 0.0) * np.maximum(others - second**2, 0.0))
        # An input that is stuck goes together with nothing.
        now = np.divide(product - first * second, spread, out=np.zeros(len(n)), where=spread > 1e-9)
        order = np.argsort(-term, kind="stable")[:_TOLD]
        names = self._inputs.names
        return tuple(
            CorrelationShift(
                inputs=(names[self._pairs[p, 0]], names[self._pairs[p, 1]]),
                before=rounded(float(self._correlation[p])),
                after=rounded(float(np.clip(now[p], -1.0, 1.0))),
                part=rounded(float(term[p]) / whole),
            )
            for p in order.tolist()
            if term[p] > 0.0
        )

    def dump(self) -> list[list[int]]:
        """Plain data; empty while the signal is as usual."""
        return self._sums.tolist() if self._sums.any() else []

    def load(self, plain: Any) -> None:
        """Go on from what `dump` gave.

        Raises:
            TypeError, ValueError: it is not of these pairs.
        """
        self._sums = (
            np.array(plain, dtype=np.int64).reshape(self._sums.shape)
            if plain
            else np.zeros_like(self._sums)
        )

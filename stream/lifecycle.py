"""The states of signals, pane by pane: pending before drift, and a way back that does not flap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from driftlog.errors import StateError
from driftlog.records import SignalState
from driftlog.settings import DetectionSettings

__all__ = ["Lifecycle"]

BoolArray = NDArray[np.bool_]

_INSUFFICIENT = SignalState.INSUFFICIENT.code
_OK = SignalState.OK.code
_MINOR = SignalState.MINOR.code
_PENDING = SignalState.PENDING.code
_DRIFT = SignalState.DRIFT.code
_STATES = list(SignalState)


@dataclass(slots=True)
class Lifecycle:
    """State of S signals, all arrays (S,).

    A signal beyond its threshold is ``minor`` while its effect is too small to matter, ``pending``
    for its first panes, then ``drift``. It leaves ``drift`` only by a run of panes in which a short
    window lies well within the smallest effect that matters, never because a score fell a little.
    Panes with too few rows to judge neither lengthen that run nor break it, and no signal is ``ok``
    at such a pane.
    """

    state: NDArray[np.int8]
    since_ms: NDArray[np.int64]
    pending: NDArray[np.int32]  # panes in a row beyond threshold and effect
    clear: NDArray[np.int32]  # panes in a row back to usual

    @classmethod
    def fresh(cls, signals: int) -> Self:
        """All signals before their first pane."""
        return cls(
            np.full(signals, _INSUFFICIENT, dtype=np.int8),
            np.zeros(signals, dtype=np.int64),
            np.zeros(signals, dtype=np.int32),
            np.zeros(signals, dtype=np.int32),
        )

    def step(
        self,
        *,
        alarmed: BoolArray,
        important: BoolArray,
        insufficient: BoolArray,
        clear: BoolArray,
        end_ms: int,
        settings: DetectionSettings,
        waits: BoolArray | None = None,
    ) -> BoolArray:
        """Take one pane; return which signals came back from drift.

        Args:
            alarmed: some detector is beyond its threshold.
            important: the effect is at least the smallest that matters.
            insufficient: too few rows to judge.
            clear: the last panes alone look usual.
            end_ms: end of the pane.
            settings: how many panes pending and clear must last.
            waits: signals that stay pending while any other is: what they show may be the other's
                doing, and that is then told first.
        """
        drifting = self.state == _DRIFT
        beyond = alarmed & important & ~insufficient
        self.pending = np.where(beyond & ~drifting, self.pending + 1, 0).astype(np.int32)
        run = np.where(clear, self.clear + 1, 0)
        self.clear = np.where(drifting, np.where(insufficient, self.clear, run), 0).astype(np.int32)
        ripe = self.pending >= settings.pending_panes
        if waits is not None and ripe.any() and (beyond & ~drifting & ~ripe & ~waits).any():
            ripe &= ~waits
        needed = max(1, settings.resolve_panes // 2)
        back: BoolArray = drifting & ~insufficient & (self.clear >= needed)
        state = np.select(
            [
                drifting & ~back,
                back,
                ripe,
                beyond,
                insufficient,
                alarmed,
            ],
            [_DRIFT, _OK, _DRIFT, _PENDING, _INSUFFICIENT, _MINOR],
            _OK,
        ).astype(np.int8)
        self.since_ms = np.where(state != self.state, end_ms, self.since_ms)
        self.state = state
        self.clear[back] = 0
        return back

    def of(self, signal: int) -> SignalState:
        """State of one signal."""
        return _STATES[int(self.state[signal])]

    def dump(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "state": self.state.tolist(),
            "since_ms": self.since_ms.tolist(),
            "pending": self.pending.tolist(),
            "clear": self.clear.tolist(),
        }

    @classmethod
    def load(cls, plain: dict[str, Any]) -> Self:
        """Read what `dump` gave.

        Raises:
            StateError: a part is missing, of another length, or holds no state of ours.
        """
        try:
            loaded = cls(
                np.array(plain["state"], dtype=np.int8),
                np.array(plain["since_ms"], dtype=np.int64),
                np.array(plain["pending"], dtype=np.int32),
                np.array(plain["clear"], dtype=np.int32),
            )
        except (KeyError, TypeError, ValueError, OverflowError) as exc:
            raise StateError(f"the states of the signals cannot be read: {exc!r}") from exc
        parts = (loaded.state, loaded.since_ms, loaded.pending, loaded.clear)
        if len({part.shape for part in parts}) > 1 or loaded.state.ndim != 1:
            raise StateError("the states of the signals differ in number")
        if not np.isin(loaded.state, range(len(_STATES))).all():
            raise StateError("the states of the signals hold a state that is not known")
        return loaded

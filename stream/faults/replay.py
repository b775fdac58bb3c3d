"""Requests that come a second time: a file sent again, a consumer that started over."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detectors.kernel import kernel
from driftlog.records import (
    REPLAY_SIGNAL,
    Fault,
    FaultKind,
    Onset,
    Score,
    SignalProfile,
    SignalState,
    SignalVerdict,
    rounded,
)
from driftlog.settings import Settings
from driftlog.wording import lasting
from stream.preparation import Prepared

__all__ = ["LEAST_CONTENT", "ReplayWatch", "content_signals", "contents"]

HashArray = NDArray[np.uint64]

LEAST_CONTENT: Final = 2  # inputs; of fewer equal rows say nothing
_MOST: Final = 1_024  # contents remembered
_WINDOWS: Final = 2  # for so many windows
_LEAST: Final = 50  # contents looked at before anything is said
_LATEST: Final = 30  # panes at most that are looked at together
_BEYOND: Final = 0.3  # share of known contents beyond what is natural
_EVERY: Final = (1 << 64) - 1


def content_signals(signals: Sequence[SignalProfile]) -> NDArray[np.intp]:
    """Which signals make up what a request asks: the inputs, but not what is made of them."""
    return np.array(
        [i for i, s in enumerate(signals) if s.role == "input" and not s.joint and not s.text],
        dtype=np.intp,
    )


@kernel
def _mixed(bits: HashArray, out: HashArray) -> None:
    for n in range(bits.shape[1]):
        h = np.uint64(0x9E3779B97F4A7C15)
        for s in range(bits.shape[0]):
            h = (h ^ bits[s, n]) * np.uint64(0xBF58476D1CE4E5B9)
            h = (h ^ (h >> np.uint64(29))) * np.uint64(0x94D049BB133111EB)
            h ^= h >> np.uint64(32)
        out[n] = h


def contents(prepared: Prepared, signals: NDArray[np.intp]) -> HashArray:
    """64-bit hashes of rows by these signals: equal rows have equal hashes, on every machine.

    Source: the finaliser of splitmix64, Steele, Lea and Flood (2014).
    """
    values = prepared.plain[signals]
    out = np.empty(values.shape[1], dtype=np.uint64)
    _mixed(np.ascontiguousarray(values).view(np.uint64), out)
    return out


class ReplayWatch:
    """Remembers a sample of what was asked, and how much of what is asked now was asked before.

    A content is in the sample by its hash alone, so that it is there the second time as well; the
    share that is sampled halves when the memory is full. Every distinct content of a pane counts
    once: one probe that asks the same again and again is not a replay. The share of known contents
    is held against what the reference repeats by itself, scaled to the rows remembered; where that
    is much, nothing is said at all.

    Args:
        repeated: share of the reference's rows whose contents had come before in it.
        rows: of the reference.
        settings: ``stream`` and ``detection`` are read.
    """

    def __init__(self, repeated: float, rows: int, settings: Settings) -> None:
        self._repeated = repeated
        self._rows = max(rows, 1)
        self._settings = settings
        self._limit = _EVERY  # hashes up to it are in the sample
        self._held: dict[int, int] = {}  # hash -> pane at which it came last; the latest last
        self._latest: list[tuple[int, int, int]] = []  # pane, contents known, contents
        self._beyond = 0  # panes in a row with too many known contents
        self._calm = 0
        self._since: int = -1  # pane since which it is so
        self._told_ms = 0  # pane end at which it was told, 0: not
        self._share = self._bound = 0.0

    def step(self, pane: int, hashes: HashArray) -> SignalVerdict | None:
        """Take the contents of a pane's rows; return what there is to tell: mostly nothing."""
        sample = np.unique(hashes[hashes <= np.uint64(self._limit)]).tolist()
        held = self._held
        known = [one for one in sample if one in held]
        self._latest = [*self._latest[1 - _LATEST :], (pane, len(known), len(sample))]
        for one in known:  # it goes to the end, where the latest are
            del held[one]
        held.update(dict.fromkeys(sample, pane))
        self._forget(pane)
        return self._judge(pane)

    def _forget(self, pane: int) -> None:
        """Drop what is old, and what is too much."""
        oldest = pane - _WINDOWS * self._settings.stream.window_panes
        old = [one for one, last in takewhile(lambda item: item[1] <= oldest, self._held.items())]
        for one in old:
            del self._held[one]
        while len(self._held) > _MOST:
            self._limit //= 2
            self._held = {one: last for one, last in self._held.items() if one <= self._limit}
        if len(self._held) < _MOST // 8 and self._limit < _EVERY:
            self._limit = 2 * self._limit + 1

    def _judge(self, pane: int) -> SignalVerdict | None:
        detection = self._settings.detection
        seen = known = 0
        for one in reversed(self._latest):
            seen, known = seen + one[2], known + one[1]
            if seen >= _LEAST:
                break
        natural = self._natural()
        if seen >= _LEAST and (natural <= _BEYOND or self._told_ms):
            self._share, self._bound = known / seen, min(natural + _BEYOND, 1.0)
            beyond = self._share >= self._bound
            if beyond and not self._beyond and not self._told_ms:
                self._since = pane
            self._beyond = self._beyond + 1 if beyond else 0
            self._calm = 0 if beyond else self._calm + 1
        if self._told_ms and self._calm >= max(1, detection.resolve_panes // 2):
            self._told_ms = 0
            return self._verdict(pane, SignalState.OK)
        if not self._told_ms and self._beyond >= detection.pending_panes:
            self._told_ms = (pane + 1) * self._settings.stream.pane
        return self._verdict(pane, SignalState.DRIFT) if self._told_ms else None

    def _natural(self) -> float:
        """Share of contents that would be known by themselves, among as many as are remembered.

        A row of the reference could repeat half of it on average.
        """
        remembered = len(self._held) * _EVERY // max(self._limit, 1)
        return min(1.0, self._repeated * max(1.0, 2.0 * remembered / self._rows))

    def _verdict(self, pane: int, state: SignalState) -> SignalVerdict:
        stream = self._settings.stream
        told = state is SignalState.DRIFT
        memory = lasting(_WINDOWS * stream.window_panes * stream.pane)
        return SignalVerdict(
            signal=REPLAY_SIGNAL,
            state=state,
            rows=self._latest[-1][2],
            psi=0.0,
            scores={"replay": Score(rounded(self._share), rounded(self._bound))},
            effect_rate=rounded(self._share) if told else 0.0,
            detectors=("replay",) if told else (),
            onset=Onset(ts_ms=self._since * stream.pane) if told else None,
            since_ms=self._told_ms or (pane + 1) * stream.pane,
            weight=0.0,
            fault=Fault(
                kind=FaultKind.REPLAY,
                words=(
                    f"requests come a second time: the inputs of {self._share:.0%} were there "
                    f"within {memory} before"
                ),
                figures={"known": rounded(self._share), "natural": rounded(self._natural())},
            )
            if told
            else None,
        )

    # -- state --------------------------------------------------------------------------------

    def state(self) -> list[Any]:
        """Plain data."""
        return [
            self._limit,
            np.array(list(self._held), dtype="<u8").tobytes(),
            np.array(list(self._held.values()), dtype="<i8").tobytes(),
            self._latest,
            [self._beyond, self._calm, self._since, self._told_ms],
            [self._share, self._bound],
        ]

    def restore(self, plain: Sequence[Any]) -> None:
        """Go on where `state` was taken.

        Raises:
            ValueError, TypeError: it is damaged.
        """
        limit, hashes, panes, latest, counts, shares = plain
        self._limit = int(limit)
        found = np.frombuffer(hashes, dtype="<u8").tolist()
        self._held = dict(zip(found, np.frombuffer(panes, dtype="<i8").tolist(), strict=True))
        self._latest = [(int(pane), int(known), int(seen)) for pane, known, seen in latest]
        self._beyond, self._calm, self._since, self._told_ms = map(int, counts)
        self._share, self._bound = map(float, shares)

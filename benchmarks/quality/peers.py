"""What the field's usual tools do on the same rows, at the settings they come with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river import drift

from benchmarks.quality.evidently import Evidently
from benchmarks.quality.kinds import KINDS, Kind, Source
from benchmarks.quality.model import PANE_ROWS, SIGNALS, Pace, names, prepared, profile_of
from driftlog.records import SignalState
from stream.rehearsal import Rehearsal

__all__ = ["PEERS", "PEER_KINDS", "PEER_SHIFTS", "Peer", "PeerResult", "measure_peers"]

FloatArray = NDArray[np.float64]
Alarms = Callable[[FloatArray, FloatArray, np.random.Generator], list[int]]

PEER_KINDS = ("normal", "t3", "lognormal", "boolean", "ar9")
PEER_SHIFTS = (0.25, 0.5, 1.0, 2.0)
_WARM = 12_000  # rows before a shift
_AFTER = 12_000
_BINS = 10
_DUMMY_ROWS = 100_000  # between two alarms of the dummy


@dataclass(frozen=True, slots=True)
class Peer:
    """A detector on one feature. ``alarms(reference, rows, rng)`` gives the rows it alarms at."""

    name: str
    alarms: Alarms


@dataclass(slots=True)
class PeerResult:
    """One detector on one kind.

    per_million: false alarms per million quiet rows of one feature. delays: by shift, the median
    rows to the first alarm after it (N(0,1) alone), None where under half of the runs saw it.
    before: share of those runs with a false alarm in the 12,000 quiet rows before.
    """

    peer: str
    per_million: dict[str, float]
    delays: dict[float, float | None]
    before: float


def _river(make: Callable[[], Any]) -> Alarms:
    def alarms(reference: FloatArray, rows: FloatArray, rng: np.random.Generator) -> list[int]:
        detector = make()
        found = []
        for at, value in enumerate(rows.tolist()):
            detector.update(value)
            if detector.drift_detected:
                found.append(at)
        return found

    return alarms


def _fixed_psi(limit: float, window: int) -> Alarms:
    """PSI of tumbling windows over ten quantile bins of the reference, with an epsilon floor."""

    def alarms(reference: FloatArray, rows: FloatArray, rng: np.random.Generator) -> list[int]:
        edges = np.unique(np.quantile(reference, np.linspace(0, 1, _BINS + 1)[1:-1]))
        usual = _shares(reference, edges)
        found = []
        for start in range(0, len(rows) - window + 1, window):
            now = _shares(rows[start : start + window], edges)
            if float(((now - usual) * np.log(now / usual)).sum()) > limit:
                found.append(start + window - 1)
        return found

    return alarms


def _shares(values: FloatArray, edges: FloatArray) -> FloatArray:
    counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
    return np.maximum(counts / len(values), 1e-4)


def _dummy(reference: FloatArray, rows: FloatArray, rng: np.random.Generator) -> list[int]:
    return np.flatnonzero(rng.random(len(rows)) < 1.0 / _DUMMY_ROWS).tolist()


PEERS = (
    Peer("river ADWIN, delta .002", _river(partial(drift.ADWIN, delta=0.002))),
    Peer("river PageHinkley, defaults", _river(drift.PageHinkley)),
    Peer("PSI > 0.1, windows of 200", _fixed_psi(0.1, 200)),
    Peer("PSI > 0.1, windows of 1,000", _fixed_psi(0.1, 1_000)),
    Peer("PSI > 0.2, windows of 200", _fixed_psi(0.2, 200)),
    Peer("PSI > 0.2, windows of 1,000", _fixed_psi(0.2, 1_000)),
    Peer("dummy, each 100,000 rows", _dummy),
)
_SIGNIFICANT = frozenset((SignalState.MINOR, SignalState.PENDING, SignalState.DRIFT))
_OURS = {
    "driftlog, significant": _SIGNIFICANT,
    "driftlog, incident": frozenset((SignalState.DRIFT,)),
}


def _driftlog(kind: Kind, reference: FloatArray, rows: FloatArray) -> dict[str, list[list[int]]]:
    """Rows at which each signal enters these states, on the production path; by name."""
    columns = {n: (row, kind.type) for n, row in zip(names(), reference, strict=True)}
    rehearsal = Rehearsal(profile_of(columns), Pace.for_run(10**9, 1.0).settings())
    found: dict[str, list[list[int]]] = {name: [[] for _ in range(SIGNALS)] for name in _OURS}
    inside = {name: [False] * SIGNALS for name in _OURS}
    for pane in rehearsal.run(prepared(rehearsal.preparation, rows, kind), PANE_ROWS):
        for i, signal in enumerate(pane.verdicts[0].signals):
            for name, states in _OURS.items():
                now = signal.state in states
                if now and not inside[name][i]:
                    found[name][i].append((pane.index + 1) * PANE_ROWS - 1)
                inside[name][i] = now
    return found


def measure_peers(
    rows: int,
    reference_rows: int,
    shifts: Sequence[float],
    rng: np.random.Generator,
    advance: Callable[[int], None] = lambda _: None,
    evidently: Evidently | None = None,
) -> list[PeerResult]:
    """Run every detector on the same rows of 20 features, one by one.

    Args:
        rows: quiet rows of each feature and kind.
        reference_rows: of those that have a reference.
        shifts: of the mean of N(0,1), sd.
        rng: for all rows.
        advance: told the values done.
        evidently: the same of its PSI; None: left out.
    """
    results: dict[str, PeerResult] = {}

    def result(peer: str) -> PeerResult:
        return results.setdefault(peer, PeerResult(peer, {}, {}, 0.0))

    for name in PEER_KINDS:
        kind = KINDS[name]
        quiet = Source(kind, SIGNALS, rng)
        for peer, alarms in _all(
            kind, quiet.rows(reference_rows), quiet.rows(rows), rng, evidently
        ):
            count = sum(map(len, alarms))
            result(peer).per_million[name] = count / (rows * SIGNALS) * 1e6
        advance(rows * SIGNALS)
    normal = KINDS["normal"]
    for shift in shifts:
        source = Source(normal, SIGNALS, rng)
        reference, values = source.rows(reference_rows), source.rows(_WARM + _AFTER)
        change = _WARM + rng.integers(0, PANE_ROWS, SIGNALS)
        values += np.where(np.arange(values.shape[1]) >= change[:, None], shift, 0.0)
        for peer, alarms in _all(normal, reference, values, rng, evidently):
            first = [
                min((at - c + 1 for at in found if at >= c), default=None)
                for found, c in zip(alarms, change.tolist(), strict=True)
            ]
            seen = sorted(one for one in first if one is not None)
            half = SIGNALS // 2
            result(peer).delays[shift] = float(seen[half]) if len(seen) > half else None
            early = sum(
                any(at < c for at in found)
                for found, c in zip(alarms, change.tolist(), strict=True)
            )
            result(peer).before += early / SIGNALS / len(shifts)
        advance(values.size)
    return list(results.values())


def _all(
    kind: Kind,
    reference: FloatArray,
    rows: FloatArray,
    rng: np.random.Generator,
    evidently: Evidently | None,
) -> Iterator[tuple[str, list[list[int]]]]:
    """Name and alarms by signal of every detector."""
    yield from _driftlog(kind, reference, rows).items()
    if evidently is not None:
        yield from evidently.alarms(reference, rows).items()
    for peer in PEERS:
        yield (
            peer.name,
            [peer.alarms(one, row, rng) for one, row in zip(reference, rows, strict=True)],
        )

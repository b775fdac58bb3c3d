"""How large the stored state of a signal is, whatever the traffic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import numpy as np

from benchmarks.quality.kinds import KINDS, Source
from benchmarks.quality.model import SIGNALS, prepared, reference
from driftlog.settings import Settings
from stream.rehearsal import Rehearsal

__all__ = ["MOST_BYTES", "StateSize", "measure_state"]

MOST_BYTES = 20_000  # a signal; 1 MB a record of fifty
_PANES = 130  # more than two windows, so that every ring is full
_SHIFT = 0.2  # sd, after half of the panes: seen late, so that windows grow
_REFERENCE = 20_000


@dataclass(frozen=True, slots=True)
class StateSize:
    """Bytes a signal, compressed, as the changelog holds them: after a quiet run and a shift."""

    kind: str
    rows_a_pane: int
    usual: float  # bytes, median over the panes of the quiet half
    most: float  # bytes, largest of all panes


def measure_state(
    kinds: tuple[str, ...],
    rows_a_pane: tuple[int, ...],
    rng: np.random.Generator,
    advance: Callable[[int], None] = lambda _: None,
) -> list[StateSize]:
    """Run 20 signals of each kind at each traffic and look at the state after every tenth pane."""
    found = []
    for name in kinds:
        kind = KINDS[name]
        profile = reference(kind, _REFERENCE, rng)
        for rows in rows_a_pane:
            base = Settings()
            rate = rows / (base.stream.pane / 1000)
            detection = msgspec.structs.replace(base.detection, expected_rate=rate)
            rehearsal = Rehearsal(profile, msgspec.structs.replace(base, detection=detection))
            source = Source(kind, SIGNALS, rng)
            sizes: list[float] = []
            for pane in range(_PANES):
                values = source.rows(rows)
                if pane >= _PANES // 2:
                    values = values + _SHIFT if kind.name == "normal" else values
                rehearsal.step(prepared(rehearsal.preparation, values, kind))
                if pane % 10 == 9:
                    sizes.append(rehearsal.state_bytes / SIGNALS)
                advance(values.size)
            quiet = sizes[: len(sizes) // 2]
            found.append(StateSize(name, rows, float(np.median(quiet)), max(sizes)))
    return found

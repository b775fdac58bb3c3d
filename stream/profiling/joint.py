"""The joint signal of a reference: which inputs go together, and how usual combinations are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.joint import fit_ties
from driftlog.records import (
    JOINT_SIGNAL,
    JointProfile,
    SignalProfile,
    SignalType,
    rounded,
)
from stream.joint import JointInputs
from stream.preparation import Preparation
from stream.profiling.calendar import Calendar
from stream.profiling.signals import signal_profile
from stream.profiling.types import Numbers, Texts
from stream.rows import CategoryColumn

__all__ = ["MOST_VALUES", "joint_signal"]

MOST_VALUES: Final = 5_000_000  # that ties are fitted to: 40 MB, a few times over
_LEAST_ROWS: Final = 10_000  # that they are fitted to, however many inputs there are
_BLOCK: Final = 256  # rows that stay together
_CHUNK: Final = 65_536  # rows scored at once


def joint_signal(
    signals: Sequence[SignalProfile],
    rows: int,
    columns: Mapping[str, Numbers | Texts],
    calendar: Calendar,
    ts_ms: NDArray[np.int64],
) -> SignalProfile | None:
    """Freeze the joint signal; None where no two inputs go together.

    It is a number like any other, of weight 0: what has drifted is counted by the inputs. The ties
    are fitted to at most `MOST_VALUES` values, in blocks spread evenly over the rows; the score's
    own statistics are of all rows.

    Args:
        signals: all others of the reference, frozen.
        rows: of the reference.
        columns: cells by signal, (rows,), in the coding of `stream.rows.Rows` and in event-time
            order.
        calendar: which cycles their times can carry; sharing one is not going together.
        ts_ms: their times, (rows,).
    """
    inputs = [one for one in signals if one.role == "input"]
    if len(inputs) < 2:
        return None
    preparation = Preparation(inputs, calendar.timezone)
    numbers = {name: cells for name, cells in columns.items() if isinstance(cells, np.ndarray)}
    texts = {name: cells for name, cells in columns.items() if isinstance(cells, CategoryColumn)}

    def z_of(picks: slice | NDArray[np.intp]) -> NDArray[np.float64]:
        return preparation.of_columns(
            len(range(*picks.indices(rows)) if isinstance(picks, slice) else picks),
            {name: cells[picks] for name, cells in numbers.items()},
            {name: cells.take(picks) for name, cells in texts.items()},
            ts_ms[picks],
        ).z

    variance = np.array([one.long_run_variance for one in inputs], dtype=np.float64)
    ties = fit_ties(z_of(_spread(rows, max(MOST_VALUES // len(inputs), _LEAST_ROWS))), variance)
    if ties is None:
        return None
    joint = JointProfile(
        inputs=tuple(inputs[at].signal for at in ties.inputs.tolist()),
        centre=_rounded(ties.centre),
        scale=_rounded(ties.scale),
        pairs=tuple((i, j) for i, j in ties.pairs.tolist()),
        correlation=_rounded(ties.correlation),
        weight=_rounded(ties.weight),
    )
    found = JointInputs(joint, inputs)  # as rounded: the very scores of the stream
    parts = [found.score(z_of(slice(at, min(at + _CHUNK, rows)))) for at in range(0, rows, _CHUNK)]
    score = np.concatenate(parts)
    if not np.isfinite(score).any():
        return None
    frozen = signal_profile(
        JOINT_SIGNAL, "joint", SignalType.NUMBER, score, calendar=calendar, ts_ms=ts_ms
    )
    return msgspec.structs.replace(frozen, weight=0.0, joint=joint)


def _spread(rows: int, most: int) -> slice | NDArray[np.intp]:
    """Row numbers, at most so many, in whole blocks spread evenly over all rows."""
    if rows <= most:
        return slice(0, rows)
    starts = np.linspace(0, rows - _BLOCK, max(most // _BLOCK, 1)).astype(np.intp)
    found: NDArray[np.intp] = (starts[:, None] + np.arange(_BLOCK)).ravel()
    return found


def _rounded(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(rounded(v) for v in values.tolist())

"""One column frozen as one signal of the reference."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.autocorrelation import indicator_inflation, long_run_variance, ordered_inflation
from detectors.bins import NumberBins, category_bins, number_bins
from detectors.calibration import adwin_scale, exponents
from detectors.level_shift import block_extremes
from detectors.page_hinkley import ALLOWANCES
from detectors.spread import distance
from detectors.standardise import OFF_CONSTANT, Scale, category_scale, number_scale
from driftlog.records import SignalProfile, SignalRole, SignalType, SpreadProfile, rounded
from stream.preparation import Preparation, Prepared
from stream.profiling.calendar import Calendar
from stream.profiling.hourly import calibrated_by_hour
from stream.profiling.labels import BOOLEAN_BINS, SPECIAL, category_labels, number_labels
from stream.profiling.season import season_of
from stream.profiling.types import Numbers, Texts
from stream.rows import CategoryColumn
from stream.window_statistics import bin_centres, ordered_bins

__all__ = ["COMMON_SHARE", "MOST_KNOWN", "QUANTILES", "signal_profile"]

QUANTILES: Final = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
COMMON_SHARE: Final = 0.01  # of a value that a profile knows by itself
_MOST_COMMON: Final = 20
MOST_KNOWN: Final = 1_000  # levels of a category that a profile knows by name
_BOOLEAN_EDGES: Final = (0.5,)
_LEAST_FLAG_SD: Final = 0.1  # of the distance between a flag's two values
_LEAST_SCALE: Final = 1e-6  # of the root of |z|; less is the rounding of a constant distance
_LEAST_DISTANCES: Final = 3  # distinct
_FINE: Final = 2  # digits of z by which the exponents are solved


def signal_profile(
    signal: str,
    role: SignalRole,
    kind: SignalType,
    values: Numbers | Texts,
    *,
    least_sd: float = 0.0,
    calendar: Calendar | None = None,
    ts_ms: NDArray[np.int64] | None = None,
) -> SignalProfile:
    """Freeze one signal.

    Args:
        signal: its name.
        role: where it comes from.
        kind: its type.
        values: (m,) in the coding of `stream.rows.Rows`, in event-time order; at least one is a
            value.
        least_sd: of a number, in its unit; a smaller one counts as this.
        calendar: which cycles their times can carry; None: none is looked for.
        ts_ms: their times, (m,), with a calendar.

    Numbers: see `detectors.bins.number_bins` and `detectors.standardise.number_scale`. Booleans,
    and numbers of two values, have an sd of at least .1 (of the distance between the two), so that
    one true among a million falses is ten sd and not a thousand: a rate must change by points, not
    by its own tiny spread. Categories: the 30 most
    frequent levels that occur more than once have a bin each, other levels of the reference share
    one. A level that occurs once stands in the reference for those never seen: by Good and Turing
    (Good 1953) their share is that of the levels seen once. So free text that always brings new
    words does not seem to drift.
    """
    if isinstance(values, CategoryColumn):
        rows: Numbers | Texts
        draft, rows = _category(signal, role, values)
        flag = False
    else:
        draft, flag = _number(signal, role, kind, values, least_sd)
        rows = values
    prepared = _prepared(draft, rows, None, "UTC")
    if calendar is not None:
        season = season_of(draft, prepared, calendar, _LEAST_FLAG_SD if flag else None)
        places = calendar.places(season.period) if season is not None else None
        if season is not None and places is not None:
            draft = msgspec.structs.replace(draft, season=season)
            prepared = _prepared(draft, rows, ts_ms, calendar.timezone)
            return calibrated_by_hour(_calibrated(draft, prepared), prepared, places)
    return _calibrated(draft, prepared)


def _prepared(
    draft: SignalProfile, rows: Numbers | Texts, ts_ms: NDArray[np.int64] | None, timezone: str
) -> Prepared:
    preparation = Preparation([draft], timezone)
    if isinstance(rows, CategoryColumn):
        return preparation.of_columns(len(rows.codes), {}, {draft.signal: rows}, ts_ms)
    return preparation.of_columns(len(rows), {draft.signal: rows}, {}, ts_ms)


def _number(
    signal: str, role: SignalRole, kind: SignalType, values: Numbers, least_sd: float
) -> tuple[SignalProfile, bool]:
    """The draft, and whether the values are two: a flag."""
    boolean = kind is SignalType.BOOLEAN
    bins = NumberBins(_BOOLEAN_EDGES) if boolean else number_bins(values)
    there = values[np.isfinite(values)]
    ends = (0.0, 1.0) if boolean else (float(there.min()), float(there.max()))
    apart = 0.0 < ends[1] - ends[0] < np.inf  # the difference of two values may overflow
    flag = boolean or (apart and bool(np.isin(there, ends).all()))
    scale = _flag_scale(there, *ends) if flag else number_scale(values)
    if least_sd:
        scale = replace(scale, sd=max(scale.sd, least_sd))
    draft = SignalProfile(
        signal=signal,
        role=role,
        type=kind,
        rows=len(values),
        missing=rounded(1.0 - len(there) / len(values)),
        bins=BOOLEAN_BINS if boolean else number_labels(bins),
        shares=(1.0,) * bins.size,
        edges=bins.edges,
        clip=(scale.low, scale.high),
        # A constant must stay what it is to the last digit, or it would differ from itself.
        mean=rounded(scale.mean) if scale.sd else scale.mean,
        sd=rounded(scale.sd),
        quantiles=tuple(np.quantile(there, QUANTILES, method="inverted_cdf").tolist()),
        common=None if boolean else _common(there),
        whole=None if boolean else rounded(float(np.mean(there == np.floor(there)))),
    )
    return draft, flag


def _common(there: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    """The most frequent values with their shares: what is usual may well be one value."""
    distinct, counts = np.unique(there, return_counts=True)
    often = np.flatnonzero(counts >= max(COMMON_SHARE * len(there), 2))
    order = often[np.argsort(-counts[often], kind="stable")][:_MOST_COMMON]
    return tuple((float(distinct[i]), rounded(counts[i] / len(there))) for i in order)


def _flag_scale(there: NDArray[np.float64], low: float, high: float) -> Scale:
    wide = high - low
    share = float(np.count_nonzero(there == high)) / len(there)
    sd = max((share * (1.0 - share)) ** 0.5, _LEAST_FLAG_SD)
    return Scale(low, high, low + share * wide, sd * wide)


def _category(signal: str, role: SignalRole, column: Texts) -> tuple[SignalProfile, Texts]:
    """The draft, and the rows as it knows them."""
    counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.levels))
    by_text = sorted(range(len(column.levels)), key=column.levels.__getitem__)
    by_count = sorted((i for i in by_text if counts[i]), key=lambda i: -counts[i])
    frequent = np.array([counts[i] if counts[i] > 1 else 0 for i in by_count], dtype=np.int64)
    bins = category_bins(frequent)
    known = by_count[:MOST_KNOWN]
    # What its reference rows count as: a level seen once, or not known by name, is unseen.
    seen = [at for at, i in enumerate(known) if counts[i] > 1]
    amounts = np.zeros(bins.own + 2, dtype=np.int64)  # levels with a bin, other levels, unseen
    amounts[-1] = counts.sum()
    for at in seen:
        amounts[bins.codes[at]] += frequent[at]
        amounts[-1] -= frequent[at]
    surprise, mean, sd = _surprise(amounts)
    levels = tuple(column.levels[i] for i in known)
    absent = int(np.count_nonzero(column.codes < 0))
    draft = SignalProfile(
        signal=signal,
        role=role,
        type=SignalType.CATEGORY,
        rows=len(column.codes),
        missing=rounded(absent / len(column.codes)),
        bins=category_labels(levels[: bins.own]),
        shares=(1.0,) * (bins.own + len(SPECIAL)),
        levels=levels[: bins.own],
        other_levels=levels[bins.own :],
        surprise=surprise,
        clip=(min(surprise), max(surprise)),
        mean=mean,
        sd=sd,
    )
    unknown = "?" * (1 + max(map(len, levels)))  # longer than every level, so none of them
    counted = {column.levels[known[at]] for at in seen}
    own = tuple(level if level in counted else unknown for level in column.levels)
    return draft, CategoryColumn(own, column.codes)


def _surprise(amounts: NDArray[np.int64]) -> tuple[tuple[float, ...], float, float]:
    """Surprise of each level with a bin, of other levels and of unseen ones; mean and sd; in nats.

    What the reference never held is a level unseen; it has the surprise of half a row, but is no
    more than `OFF_CONSTANT` sd away: one typing error must not outweigh a thousand rows.
    """
    held = amounts[-1] > 0
    counted = amounts if held else amounts[:-1]
    scale = category_scale(counted)
    z = np.array(scale.z if held else (*scale.z, min(scale.unseen, OFF_CONSTANT)))
    raw = -np.log((amounts + 0.5) / (amounts.sum() + 0.5 * (len(counted) + 1)))
    seen = np.flatnonzero(amounts > 0)
    least = seen[np.argmin(raw[seen])]
    top = seen[z[seen] == z[seen].max()]
    # Of those that clipping made equal the most frequent is the one that was not clipped.
    high = top[np.argmin(raw[top])]
    if z[least] == z[high]:
        nats = rounded(float(raw[least]))
        return tuple(nats + OFF_CONSTANT * (v > 0) for v in z.tolist()), nats, 0.0
    sd = float((raw[high] - raw[least]) / (z[high] - z[least]))
    mean = float(raw[least] - sd * z[least])
    return tuple(rounded(v) for v in (mean + sd * z).tolist()), rounded(mean), rounded(sd)


def _calibrated(draft: SignalProfile, prepared: Prepared) -> SignalProfile:
    """Add what the reference's own rows say of shares, autocorrelation and thresholds."""
    codes = prepared.bins[0]
    counts = np.bincount(codes, minlength=len(draft.bins)) + 0.5
    z = prepared.z[0][~prepared.missing[0]]
    variance = rounded(long_run_variance(z))
    # Values that differ by a hundredth of a sd are one: a hundredth of the work, the same root.
    theta = exponents(np.round(z, _FINE), ALLOWANCES, variance)
    up, down = (tuple(rounded(t) for t in side.tolist()) for side in theta)
    return msgspec.structs.replace(
        draft,
        shares=tuple(rounded(share) for share in (counts / counts.sum()).tolist()),
        allowances=ALLOWANCES,
        theta=(up, down),
        long_run_variance=variance,
        inflation=rounded(indicator_inflation(codes)),
        ordered_inflation=rounded(ordered_inflation(codes, ordered_bins(draft))),
        centres=_centres(draft, codes, prepared),
        autocorrelation=rounded(_lag_one(z)),
        skewness=rounded(adwin_scale(z)),
        # Whatever the inputs do widens the joint score; it is theirs to tell.
        spread=_spread(z) if draft.type is SignalType.NUMBER and draft.role != "joint" else None,
        blocks=_blocks(z) if draft.sd > 0.0 else (),
    )


def _blocks(z: NDArray[np.float64]) -> tuple[tuple[int, float, float], ...]:
    return tuple((rows, rounded(low), rounded(high)) for rows, low, high in block_extremes(z))


def _spread(z: NDArray[np.float64]) -> SpreadProfile | None:
    """How far the values lie from the mean; None of so few distances that the bins see them all."""
    root = distance(z)
    centre, scale = rounded(float(root.mean())), rounded(float(root.std()))
    if scale <= _LEAST_SCALE or len(np.unique(root)) < _LEAST_DISTANCES:
        return None
    root = (root - centre) / scale
    variance = rounded(long_run_variance(root))
    wider, narrower = exponents(np.round(root, _FINE), ALLOWANCES, variance)
    return SpreadProfile(
        centre=centre,
        scale=scale,
        theta=(
            tuple(rounded(t) for t in wider.tolist()),
            tuple(rounded(t) for t in narrower.tolist()),
        ),
        long_run_variance=variance,
    )


def _centres(
    draft: SignalProfile, codes: NDArray[np.int16], prepared: Prepared
) -> tuple[float, ...]:
    """Mean of each bin of a number, clipped, in sd; of a bin without rows where it would be.

    Bins are of the values themselves, so of a signal with a cycle z would not do: it is what the
    cycle leaves of them.
    """
    z = prepared.z[0]
    if draft.season is not None and draft.sd > 0.0:
        low, high = ((end - draft.mean) / draft.sd for end in draft.clip)
        z = np.clip(prepared.plain[0], low, high)
    centres = list(bin_centres(draft))
    for code in range(len(centres)):
        held = z[codes == code]
        if held.size:
            centres[code] = rounded(float(held.mean()))
    return tuple(centres)


def _lag_one(z: NDArray[np.float64]) -> float:
    """Autocorrelation of neighbours; 0 for a constant."""
    centred = z - z.mean() if len(z) else z
    square = float(centred @ centred)
    return float(centred[1:] @ centred[:-1]) / square if square > 0 else 0.0

"""Another unit or scale: values that are a well-known factor times what they were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from driftlog.records import Fault, FaultKind
from stream.faults.look import LEAST_ROWS, Look, fault

__all__ = ["FACTORS", "sign", "unit"]

FloatArray = NDArray[np.float64]

# factor -> what it may be; each is looked for upside down as well
FACTORS: Final[dict[float, tuple[str, str]]] = {
    **{10.0**k: ("", "") for k in (1, 2, 3, 4, 5, 6, 7, 8, 9)},
    24.0: ("days to hours", "hours to days"),
    60.0: ("minutes to seconds, or hours to minutes", "seconds to minutes, or minutes to hours"),
    1_024.0: ("kilobytes to bytes", "bytes to kilobytes"),
    1_440.0: ("days to minutes", "minutes to days"),
    3_600.0: ("hours to seconds", "seconds to hours"),
    86_400.0: ("days to seconds", "seconds to days"),
    2.54: ("inches to centimetres", "centimetres to inches"),
    1.0 / 0.3048: ("metres to feet", "feet to metres"),
    1.0 / 0.45359237: ("kilograms to pounds", "pounds to kilograms"),
    1.609344: ("miles to kilometres", "kilometres to miles"),
    1.024: ("1,000 to 1,024", "1,024 to 1,000"),
}
_FAR: Final = np.log(8.0)  # a world that grows eightfold between two panes is rare
_TOLERANCE: Final = 0.15  # of ln(factor) of a far one
_NARROW: Final = 0.03  # and of a near one, which real shifts meet by chance
_NEAR: Final = 0.1  # at most this part of ln(factor)
_ROUGH: Final = 0.7  # of ln(factor), by the quantiles
_UNSURE: Final = 0.7  # of the tolerance that the standard error may be
_WORSE: Final = 0.03  # distance by which a mere shift must fit worse than a near factor


@dataclass(frozen=True, slots=True)
class _Candidate:
    log: float
    factor: float
    what: str


_CANDIDATES: Final = tuple(
    _Candidate(sign * float(np.log(factor)), factor**sign, what[sign < 0])
    for factor, what in FACTORS.items()
    for sign in (1, -1)
)


def unit(look: Look) -> Fault | None:
    """Recognise values that are c times what they were, c out of `FACTORS` or upside down.

    Three things must hold. The mean of the values divided by c is that of the reference, within
    what chance allows and within a tolerance that is narrow where real shifts are common. Their
    distribution looks like the reference's. And for a c below 8 it does so clearly better than
    that of values moved back by a mere shift.
    """
    if look.category or look.boolean or len(look.there) < LEAST_ROWS:
        return None
    rough = _rough_log(look)
    if rough is None:
        return None
    # In the order of the table: what cannot be told apart (1,000 and 1,024) is the usual one.
    for one in _CANDIDATES:
        if abs(one.log - rough) > _ROUGH:
            continue
        far = abs(one.log) >= _FAR
        allowed = _TOLERANCE if far else min(_NARROW, _NEAR * abs(one.log))
        back = look.there / one.factor
        rest, error = _rest(back, look)
        if error > _UNSURE * allowed or abs(rest) > min(allowed, 3.0 * error):
            continue
        if not look.fits(back, margin=0.06 if far else 0.03):
            continue
        if not far and not _as_wide(back, look):
            continue
        if not far and look.shifted_back() < look.distance(back) + _WORSE:
            continue
        measured = one.factor * float(np.exp(rest))
        return fault(FaultKind.UNIT, _words(one), factor=one.factor, measured=measured)
    return None


def sign(look: Look) -> Fault | None:
    """Recognise minus the usual values, where nearly all used to lie on one side of zero."""
    if look.category or look.boolean or len(look.there) < LEAST_ROWS:
        return None
    low, high = look.profile.quantiles[1], look.profile.quantiles[5]
    there = look.there
    flipped = (low > 0.0 and np.quantile(there, 0.95) < 0.0) or (
        high < 0.0 and np.quantile(there, 0.05) > 0.0
    )
    if not flipped or not look.fits(-there, margin=0.06):
        return None
    return fault(FaultKind.SIGN, "has its sign flipped: minus what it usually is", factor=-1.0)


def _words(one: _Candidate) -> str:
    factor = one.factor if one.log > 0 else 1.0 / one.factor
    shown = f"{factor:,.0f}" if factor >= 10.0 else f"{factor:.4g}"
    way = "larger" if one.log > 0 else "smaller"
    guess = f": {one.what}?" if one.what else ": unit changed?"
    return f"is {shown} times {way} than usual{guess}"


def _rough_log(look: Look) -> float | None:
    """ln of the factor between the quantiles now and then; None where their signs differ."""
    shares, then = look.usual.points
    now = np.quantile(look.there, shares, method="inverted_cdf")
    size = float(np.abs(then).max(initial=0.0))
    use = (np.abs(then) > 0.05 * size) & (now * then > 0.0)
    if size == 0.0 or not use.any() or np.count_nonzero(now * then < 0.0) > len(then) / 3:
        return None
    return float(np.median(np.log(now[use] / then[use])))


def _as_wide(values: FloatArray, look: Look) -> bool:
    """Whether the clipped values spread as the reference does."""
    sd = float(np.clip(values, *look.profile.clip).std())
    error = 0.75 * look.standard_error(len(values))  # of ln(sd), of a normal
    return sd > 0.0 and abs(np.log(sd / look.profile.sd)) <= 3.0 * error + 0.03


def _rest(values: FloatArray, look: Look) -> tuple[float, float]:
    """ln of the factor that is left, and its standard error.

    By the mean of the clipped values; of values around zero, whose mean says nothing of their
    size, by the root of their mean square.
    """
    profile = look.profile
    there = np.clip(values, *profile.clip)
    error = look.standard_error(len(there))
    if abs(profile.mean) >= 0.5 * profile.sd:
        ratio = float(there.mean()) / profile.mean if profile.mean else 0.0
        error *= profile.sd / abs(profile.mean) if profile.mean else 1.0
    else:
        ratio = float(np.sqrt(np.mean(there**2) / (profile.mean**2 + profile.sd**2)))
    return (float(np.log(ratio)) if ratio > 0.0 else np.inf), max(error, 1e-4)

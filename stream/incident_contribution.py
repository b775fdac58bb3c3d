"""What each signal adds to an incident."""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum

from driftlog.records import JOINT_SIGNAL, rounded
from stream.incident_signal import Member, member_key, of_all_rows

__all__ = ["contributions"]


def contributions(members: Sequence[Member]) -> dict[str, float]:
    """Return each signal's share of an incident, by member key; they sum to 1.

    A signal's share is that of its rank (`stream.importance.times_smallest`) in the sum of ranks of
    what drifts now; of all members where nothing does. Signals are counted in the series of all
    rows, if there are any: a drift seen in ten segments is one drift. The joint signal repeats what
    the inputs say, and counts where it is alone.
    """
    counted = [m for m in members if m.live] or list(members)
    counted = [m for m in counted if of_all_rows(m.evidence.series)] or counted
    counted = [m for m in counted if m.evidence.signal != JOINT_SIGNAL] or counted
    whole = fsum(m.rank for m in counted)
    return {
        member_key(m.evidence.series, m.evidence.signal): rounded(m.rank / whole)
        for m in counted
        if whole > 0.0
    }

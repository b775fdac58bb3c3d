"""What became of everything that was handed to a capture client."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CaptureCounts"]


@dataclass(frozen=True, slots=True)
class CaptureCounts:
    """Events and labels since the client, or the forked process, began.

    Each of them is in exactly one of the first five, so their sum is the number handed over.

    Attributes:
        sent: acknowledged by the broker.
        dropped: given up because the buffer was full, or at shutdown. Of those under way at
            shutdown some may have arrived.
        failed: could not be written as a record, or was refused by the broker.
        buffered: waiting, or under way.
        sampled_out: left out by ``capture.sample``.
        unfit_cells: values within events that were no number, text or boolean; they left as null.
    """

    sent: int = 0
    dropped: int = 0
    failed: int = 0
    buffered: int = 0
    sampled_out: int = 0
    unfit_cells: int = 0

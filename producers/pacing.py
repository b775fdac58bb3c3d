"""When each row is due, and which event time it gets."""

from __future__ import annotations

from dataclasses import dataclass

from driftlog.errors import InputError

__all__ = ["Pacing"]


@dataclass(frozen=True, slots=True)
class Pacing:
    """How fast a file is replayed.

    Attributes:
        speed: event time passes so many times faster; None: as fast as it goes.
        rate: events a second, evenly spaced; stands in place of ``speed``.
        keep_time: events keep the file's times. Otherwise the first one is of now, and the
            others follow as they are due.

    Raises:
        InputError: speed or rate is not above 0.
    """

    speed: float | None = 1.0
    rate: float | None = None
    keep_time: bool = False

    def __post_init__(self) -> None:
        for name, value in (("--speed", self.speed), ("--rate", self.rate)):
            if value is not None and not 0 < value < float("inf"):
                raise InputError(f"{name} holds {value}; it may hold a number above 0")

    def due_ms(self, index: int, elapsed_ms: int) -> float | None:
        """Return how long after the start a row is due, or None: as soon as there is room.

        Args:
            index: rows before it in this run.
            elapsed_ms: event time in the file since this run's first row.
        """
        if self.rate is not None:
            return index * 1000 / self.rate
        return None if self.speed is None else elapsed_ms / self.speed

    def ts_ms(self, file_ms: int, due_ms: float | None, start_ms: float, now_ms: float) -> int:
        """Return the event time that a row is sent with.

        Args:
            file_ms: its time in the file.
            due_ms: what `due_ms` gave for it.
            start_ms: wall clock at the start of this run.
            now_ms: wall clock now, the time of a row that is due as soon as there is room.
        """
        if self.keep_time:
            return file_ms
        return int(now_ms if due_ms is None else start_ms + due_ms)

"""What a fold wants written: where, under which key, what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Output", "Topic"]

Topic = Literal["verdicts", "alerts", "references"]


@dataclass(frozen=True, slots=True)
class Output:
    """A record to send. Partition none: by the key, as Kafka does it.

    Of a verdict the end of its pane (event time, milliseconds) and the correlation id of a row of
    it go along, for those who measure how long it took; neither is sent.
    """

    topic: Topic
    key: bytes
    value: bytes
    partition: int | None = None
    pane_end_ms: int | None = None
    correlation_id: str = ""

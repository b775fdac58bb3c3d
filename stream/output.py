"""What a fold wants written: where, under which key, what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Output", "Topic"]

Topic = Literal["verdicts", "alerts", "references"]


@dataclass(frozen=True, slots=True)
class Output:
    """A record to send. Partition none: by the key, as Kafka does it."""

    topic: Topic
    key: bytes
    value: bytes
    partition: int | None = None

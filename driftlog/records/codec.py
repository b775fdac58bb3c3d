"""One JSON codec for each record: what is written can be read, what is damaged is named."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

from driftlog.errors import ContractError

__all__ = ["Codec", "Record", "rounded"]

SCORE_DIGITS = 9


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of every record on a topic of ours. ``v`` is the version of its schema."""

    v: int = 1

    def __post_init__(self) -> None:
        if self.v != 1:
            raise ValueError(f"unknown version {self.v} (this driftlog reads version 1)")


R = TypeVar("R", bound=msgspec.Struct)


class Codec(Generic[R]):
    """JSON bytes to record and back.

    Unknown fields are ignored, so that a record can grow; ``v`` is always written.
    """

    def __init__(self, record: type[R]) -> None:
        self.record = record
        self._decoder = msgspec.json.Decoder(record)
        self._encoder = msgspec.json.Encoder(order="deterministic")

    def encode(self, record: R) -> bytes:
        """Return the record as compact JSON, fields in order of their names, version first read."""
        plain: dict[str, Any] = msgspec.to_builtins(record)
        plain["v"] = getattr(record, "v", 1)
        return self._encoder.encode(plain)

    def decode(self, raw: bytes) -> R:
        """Return the record.

        Raises:
            ContractError: the bytes are not such a record; the message says where.
        """
        try:
            return self._decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
            raise ContractError(f"not a {self.record.__name__} record: {exc}") from exc


def rounded(value: float) -> float:
    """Round to 9 significant digits: the same score on every machine and at any batch size."""
    return float(f"{value:.{SCORE_DIGITS}g}")

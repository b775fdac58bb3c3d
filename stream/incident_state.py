"""The incidents of a model as bytes: what a checkpoint holds of them."""

from __future__ import annotations

from typing import Final

import cramjam
import msgspec

from driftlog.errors import StateError
from stream.incidents import ModelIncidents

__all__ = ["dump_incidents", "load_incidents"]

_VERSION: Final = 1
_ENCODER: Final = msgspec.msgpack.Encoder()


class _Versioned(msgspec.Struct):
    v: int


class _Stored(_Versioned):
    incidents: ModelIncidents


def dump_incidents(incidents: ModelIncidents) -> bytes:
    """Return everything kept of a model, as compressed plain data."""
    return bytes(cramjam.lz4.compress_block(_ENCODER.encode(_Stored(_VERSION, incidents))))


def load_incidents(model: str, raw: bytes) -> ModelIncidents:
    """Read what `dump_incidents` gave.

    Raises:
        StateError: damaged, of another version or of another model.
    """
    try:
        plain = bytes(cramjam.lz4.decompress_block(raw))
        version = msgspec.msgpack.decode(plain, type=_Versioned).v
        if version != _VERSION:
            raise StateError(f"the incidents of {model!r} have version {version}, not {_VERSION}")
        incidents = msgspec.msgpack.decode(plain, type=_Stored).incidents
    except (cramjam.DecompressionError, msgspec.DecodeError, MemoryError) as exc:
        raise StateError(f"the incidents of {model!r} cannot be read: {exc}") from exc
    if incidents.model != model:
        raise StateError(f"the incidents of {model!r} are those of {incidents.model!r}")
    return incidents

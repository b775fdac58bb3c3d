"""The incidents of a model as bytes: what a checkpoint holds of them."""

from __future__ import annotations

from typing import Final

import msgspec

from driftlog.errors import StateError
from stream.incidents import ModelIncidents
from stream.sealed import seal, unseal

__all__ = ["dump_incidents", "load_incidents"]

_KIND: Final = "incidents"
_VERSION: Final = 2
_ENCODER: Final = msgspec.msgpack.Encoder()


def dump_incidents(incidents: ModelIncidents) -> bytes:
    """Return everything kept of a model, as compressed plain data."""
    return seal(_KIND, _VERSION, _ENCODER.encode(incidents))


def load_incidents(model: str, raw: bytes) -> ModelIncidents:
    """Read what `dump_incidents` gave.

    Raises:
        StateError: damaged, of another version or of another model.
    """
    plain = unseal(_KIND, _VERSION, raw)
    try:
        incidents = msgspec.msgpack.decode(plain, type=ModelIncidents)
    except msgspec.DecodeError as exc:
        raise StateError(f"the incidents of {model!r} cannot be read: {exc}") from exc
    if incidents.model != model:
        raise StateError(f"the incidents of {model!r} are those of {incidents.model!r}")
    return incidents

"""State as it is stored: what it is, which version, a checksum, and compressed plain data.

What is not exactly that is refused before anything of it is read: a record cut short, one of
another kind or version, bytes that somebody else wrote. Nothing in a record is ever executed.
"""

from __future__ import annotations

import re
from typing import Final
from zlib import crc32

import cramjam

from driftlog.errors import StateError

__all__ = ["seal", "unseal"]

_HEAD: Final = re.compile(rb"driftlog ([a-z ]{1,20}) ([0-9]{1,9})\n")
_CHECK: Final = 4  # bytes


def seal(kind: str, version: int, plain: bytes) -> bytes:
    """Return the record of a state.

    Args:
        kind: what it is: small letters and spaces, at most 20.
        version: of its format.
        plain: the state, encoded.
    """
    body = bytes(cramjam.lz4.compress_block(plain))
    head = f"driftlog {kind} {version}\n".encode()
    return head + crc32(head + body).to_bytes(_CHECK, "big") + body


def unseal(kind: str, version: int, raw: bytes) -> bytes:
    """Return what was sealed.

    Raises:
        StateError: it is no such state, of another version, or damaged.
    """
    head = _HEAD.match(raw)
    if head is None or head[1] != kind.encode():
        held = "no state of driftlog's" if head is None else f"a state of {head[1].decode()}"
        raise StateError(f"{len(raw)} bytes stored as a state of {kind} are {held}")
    if int(head[2]) != version:
        raise StateError(f"a state of {kind} has version {int(head[2])}, not {version}")
    at = head.end() + _CHECK
    if crc32(head[0] + raw[at:]) != int.from_bytes(raw[head.end() : at], "big"):
        raise StateError(f"a state of {kind} is damaged: its checksum is another")
    try:
        return bytes(cramjam.lz4.decompress_block(raw[at:]))
    except cramjam.DecompressionError as exc:
        raise StateError(f"a state of {kind} cannot be unpacked: {exc}") from exc

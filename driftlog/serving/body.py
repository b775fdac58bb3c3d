"""The body of a request, read whole before the app sees it, and never more than may come."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any, Final

__all__ = ["BodyError", "body_of"]

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

_DIGITS: Final = 12  # a longer Content-Length is none
_DRAINED: Final = 8  # bodies of the largest size that are read on, so that the answer arrives


class BodyError(Exception):
    """A body that is not taken: the status to answer with, and why."""

    def __init__(self, status: int, error: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.error = error
        self.detail = detail


async def body_of(
    headers: Mapping[bytes, Sequence[bytes]], receive: Receive, max_body: int
) -> Receive:
    """Read the body and return a ``receive`` that gives it to the app in one piece.

    Args:
        headers: of the request, by names in lower case.
        receive: the server's.
        max_body: bytes.

    Raises:
        BodyError: it is larger, or says to be.
    """
    lengths = headers.get(b"content-length")
    if lengths is None and b"transfer-encoding" not in headers:
        return receive
    if lengths is not None:
        declared = lengths[0]
        if not declared.isdigit() or len(declared) > _DIGITS:
            raise BodyError(400, "invalid request", "Content-Length is no length")
        if int(declared) > max_body:
            # A client that waits for "100 Continue" reads the answer before it sends the body. Any
            # other would find its connection reset, and the answer lost, were nothing read.
            if b"expect" not in headers and int(declared) <= _DRAINED * max_body:
                await _drain(receive, int(declared))
            raise _too_large(max_body)
    held, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return _given(message, receive)
        part = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(part)
        if size > max_body:
            if more:
                await _drain(receive, _DRAINED * max_body)
            raise _too_large(max_body)
        held.append(part)
    return _given({"type": "http.request", "body": b"".join(held), "more_body": False}, receive)


def _given(first: MutableMapping[str, Any], receive: Receive) -> Receive:
    waiting = [first]

    async def forward() -> MutableMapping[str, Any]:
        return waiting.pop() if waiting else await receive()

    return forward


async def _drain(receive: Receive, at_most: int) -> None:
    read, more = 0, True
    while more and read < at_most:
        message = await receive()
        read += len(message.get("body", b""))
        more = message.get("more_body", False)


def _too_large(max_body: int) -> BodyError:
    told = f"a body may have {max_body:,} bytes (http.max_body_bytes)"
    return BodyError(413, "body too large", told)

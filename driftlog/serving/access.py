"""Who may ask: bearer tokens, and a name with a password."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable
from hashlib import sha256
from typing import Self

from driftlog.settings import HttpSettings

__all__ = ["Access"]

_REALM = b'realm="driftlog"'


class Access:
    """What opens the door. Holds digests alone, so that no representation can tell a secret.

    A comparison takes as long whatever was sent: digests have one length, `hmac.compare_digest`
    looks at all of it, and all of them are looked at.

    Args:
        tokens: any of which will do; several, so that one can be replaced while both are known.
        username: of basic auth, with its password; empty: none.
    """

    def __init__(self, tokens: Iterable[str] = (), username: str = "", password: str = "") -> None:
        self._tokens = tuple(_digest(token.encode()) for token in tokens)
        self._basic = _digest(f"{username}:{password}".encode()) if username else None

    @classmethod
    def of(cls, http: HttpSettings) -> Self:
        """Take them from the settings."""
        return cls(http.tokens, http.username, http.password)

    def __bool__(self) -> bool:
        """Whether there is anything to ask for."""
        return bool(self._tokens) or self._basic is not None

    @property
    def challenges(self) -> list[bytes]:
        """The values of ``WWW-Authenticate``: in what ways one may say who one is."""
        told = []
        if self._tokens:
            told.append(b"Bearer " + _REALM)
        if self._basic is not None:
            told.append(b"Basic " + _REALM + b', charset="UTF-8"')
        return told

    def admits(self, authorization: bytes | None) -> bool:
        """Whether the value of a request's ``Authorization`` is one of them."""
        scheme, _, held = (authorization or b"").strip().partition(b" ")
        held = held.strip()
        if scheme.lower() == b"bearer":
            return _any(_digest(held), self._tokens)
        if scheme.lower() == b"basic" and self._basic is not None:
            try:
                given = base64.b64decode(held, validate=True)
            except (binascii.Error, ValueError):
                return False
            return _any(_digest(given), (self._basic,))
        return False


def _any(given: bytes, known: tuple[bytes, ...]) -> bool:
    return sum(hmac.compare_digest(given, one) for one in known) > 0  # looks at all of them


def _digest(held: bytes) -> bytes:
    return sha256(held).digest()

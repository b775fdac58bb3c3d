"""Which inputs may leave the service, and which leave as a hash."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import orjson

from driftlog.errors import SettingsError
from driftlog.settings import CaptureSettings

__all__ = ["FieldFilter"]

_DIGEST_BYTES = 16


class FieldFilter:
    """Applies ``capture.deny``, ``capture.hash`` and ``capture.allow``, the first that names wins.

    A denied input never leaves. A hashed one leaves as 32 hexadecimal digits of a keyed BLAKE2b
    (RFC 7693): the same value gives the same hash under the same key in every process, so shares
    and unseen levels can still be judged; a missing value stays missing. If ``allow`` names any,
    inputs that it does not name stay behind.

    Only inputs are filtered. Outputs, segment, labels and ids leave as they are given.

    Raises:
        SettingsError: inputs are to be hashed without a key.
    """

    def __init__(self, settings: CaptureSettings) -> None:
        if settings.hash and not settings.hash_key:
            raise SettingsError("capture.hash_key", "", "a secret, when capture.hash names inputs")
        self._deny = frozenset(settings.deny)
        self._hash = frozenset(settings.hash) - self._deny
        self._allow = frozenset(settings.allow) | self._hash if settings.allow else None
        key = settings.hash_key.encode()
        # BLAKE2b takes keys of at most 64 bytes.
        self._key = key if len(key) <= 64 else blake2b(key).digest()
        self.active = bool(self._deny or self._hash or self._allow is not None)

    def kept(self, inputs: Mapping[Any, Any]) -> dict[Any, Any]:
        """Return the inputs that may leave, hashed or not. To be asked before values are read."""
        deny, allow = self._deny, self._allow
        return {
            name: value
            for name, value in inputs.items()
            # As text, since that is how a name leaves: 5 must not slip past a denied "5".
            if (text := str(name)) not in deny and (allow is None or text in allow)
        }

    def hashed(self, cells: dict[str, Any]) -> dict[str, Any]:
        """Return the cells, plain values all, with those to be hashed replaced by their hash."""
        if not self._hash:
            return cells
        digest, hashed = self._digest, self._hash
        return {name: digest(value) if name in hashed else value for name, value in cells.items()}

    def _digest(self, value: Any) -> str | None:
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # 1 and 1.0 are one value
        try:
            written = orjson.dumps(value)
        except TypeError:  # an integer of more than 64 bits, or broken text
            written = str(value).encode("utf-8", "replace")
        if written == b"null":
            return None
        return blake2b(written, key=self._key, digest_size=_DIGEST_BYTES).hexdigest()

"""Which requests are logged, where not all of them are."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from driftlog.capture.encoder import key_of

__all__ = ["Sampling"]

_RANGE: Final = 2**64


class Sampling:
    """Decides by a hash of the correlation id alone.

    So all predictions of a request, and their labels, share one fate in every process.

    Args:
        share: of the correlation ids that are kept, 0 to 1.
    """

    def __init__(self, share: float) -> None:
        self._kept_below = int(share * _RANGE)

    def leaves_out(self, correlation_id: str) -> bool:
        """Return whether nothing of this correlation id is logged."""
        if self._kept_below >= _RANGE:
            return False
        digest = blake2b(key_of(correlation_id), digest_size=8).digest()
        return int.from_bytes(digest, "big") >= self._kept_below

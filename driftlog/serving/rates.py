"""How often one client may ask: a token bucket each, kept as one number (GCRA)."""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict

__all__ = ["Rates"]

_CLIENTS = 4_096  # remembered; the one unheard of for longest is forgotten first
_BURST_S = 2.0  # what a client has not used for so long it may use at once


class Rates:
    """The buckets of all clients; memory is bounded.

    Source: the generic cell rate algorithm (ITU-T I.371), which needs of a client no more than the
    time up to which what it has asked is paid for.

    Args:
        rate: requests a second and client; 0: no limit.

    >>> rates = Rates(1)
    >>> [rates.take("10.0.0.7", now) for now in (0.0, 0.0, 0.0, 1.0)]
    [0.0, 0.0, 1.0, 0.0]
    """

    def __init__(self, rate: int) -> None:
        self._each = 1 / rate if rate else 0.0
        self._paid: OrderedDict[str, float] = OrderedDict()

    def take(self, client: str, now: float) -> float:
        """Count one request of a client and return 0; or the seconds it has to wait, uncounted.

        Args:
            client: its address.
            now: seconds of a clock that never goes back.
        """
        if not self._each:
            return 0.0
        key = _network(client)
        paid = max(self._paid.get(key, now), now) + self._each
        wait = paid - now - _BURST_S
        if wait > 1e-9:
            return wait
        self._keep(key, paid)
        return 0.0

    def fine(self, client: str, requests: int, now: float) -> None:
        """Count so many requests more: guesses must cost more than what is right."""
        if self._each:
            key = _network(client)
            paid = max(self._paid.get(key, now), now) + requests * self._each
            self._keep(key, min(paid, now + _BURST_S + requests * self._each))

    def _keep(self, key: str, paid: float) -> None:
        self._paid[key] = paid
        self._paid.move_to_end(key)
        if len(self._paid) > _CLIENTS:
            self._paid.popitem(last=False)

    def __len__(self) -> int:
        """How many clients are remembered."""
        return len(self._paid)


def retry_after(wait: float) -> bytes:
    """Return the value of ``Retry-After``: whole seconds, at least one."""
    return str(max(1, math.ceil(wait))).encode()


def _network(client: str) -> str:
    """Return what is limited: an address, or of IPv6 the network that a client has to itself."""
    try:
        address = ipaddress.ip_address(client.partition("%")[0])
    except ValueError:
        return client
    if address.version == 6:
        return str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))
    return str(address)

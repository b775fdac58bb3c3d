"""What a server lets in, decided once from its settings and the address it listens on."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import Self

from driftlog.errors import SettingsError
from driftlog.serving.access import Access
from driftlog.settings import HttpSettings

__all__ = ["Policy", "is_loopback"]


@dataclass(frozen=True, slots=True)
class Policy:
    """Address, credentials and bounds of one server.

    Attributes:
        host: the address to listen on.
        access: who may ask; falsy: anybody who reaches the port.
        names: what ``Host`` may name beside addresses and localhost; None: it may name anything.
        max_body: bytes of a request's body.
        body_timeout: seconds in which a request's head, and then its body, must have come.
        rate: requests a second from one client; 0: as many as come.
        connections: open at once.
        proxies: peers whose ``X-Forwarded-For`` is believed.
    """

    host: str
    access: Access
    names: frozenset[str] | None
    max_body: int
    body_timeout: float
    rate: int
    connections: int
    proxies: tuple[str, ...]

    @classmethod
    def of(cls, http: HttpSettings, host: str = "127.0.0.1", setting: str = "worker.host") -> Self:
        """Take it from the settings.

        Args:
            http: the settings.
            host: the address to listen on.
            setting: what names the address, for the error.

        Raises:
            SettingsError: others than this machine would reach the port, and nobody would ask them
                who they are.
        """
        access, local = Access.of(http), is_loopback(host)
        if not (local or access or http.anonymous):
            raise SettingsError(
                setting,
                host,
                "an address of the loopback, such as 127.0.0.1, while nobody asks who is calling: "
                "set http.tokens (DRIFTLOG_HTTP_TOKENS), or http.username and http.password "
                "(DRIFTLOG_HTTP_USERNAME, DRIFTLOG_HTTP_PASSWORD); or http.anonymous = true "
                "where a proxy or a network policy keeps strangers out",
            )
        # A page in a browser of this machine reaches the loopback under a name of its own server
        # (DNS rebinding). Credentials keep it out; where there are none, the name has to.
        named = bool(http.hosts) or (local and not access)
        return cls(
            host=host,
            access=access,
            names=frozenset(map(str.lower, http.hosts)) if named else None,
            max_body=http.max_body_bytes,
            body_timeout=http.body_timeout / 1000,
            rate=http.rate,
            connections=http.connections,
            proxies=http.proxies,
        )

    def answers_to(self, host: bytes) -> bool:
        """Whether a request's ``Host`` is a name of this server. Addresses always are."""
        if self.names is None:
            return True
        text = host.decode("latin-1").lower()
        name = text[: text.rfind("]") + 1] if text.startswith("[") else text.partition(":")[0]
        return name == "localhost" or name in self.names or _address(name.strip("[]")) is not None


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens on an address or name."""
    if not host:
        return False
    try:
        found = {str(one[4][0]) for one in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):
        return False
    addresses = [_address(one.partition("%")[0]) for one in found]
    return bool(addresses) and all(one is not None and one.is_loopback for one in addresses)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None

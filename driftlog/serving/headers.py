"""What every answer says to a browser, unless the app says it itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

__all__ = ["SECURITY_HEADERS", "with_security_headers"]

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# As the OWASP secure headers project has them for what is no page. A page names in its own policy
# what it loads; frame-ancestors and X-Frame-Options say the same to new and to old browsers.
SECURITY_HEADERS: Final = {
    b"x-content-type-options": b"nosniff",
    b"content-security-policy": (
        b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cache-control": b"no-store",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
}


def with_security_headers(send: Send) -> Send:
    """Return ``send``, adding to the answer's head what it does not have."""

    async def forward(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            there = {bytes(name).lower() for name, _ in headers}
            more = [one for one in SECURITY_HEADERS.items() if one[0] not in there]
            message = {**message, "headers": [*headers, *more]}
        await send(message)

    return forward

"""``python -m compose.probe URL``: whether a server says that it is well, for a healthcheck.

The image has no curl. Ends with 0 on a 2xx, else with 1 and one line that says why.
"""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from typing import Final

from driftlog.terminal import echo

__all__ = ["well"]

_WAIT_S: Final = 4.0  # for the answer; less than a healthcheck's own timeout


def well(url: str) -> str:
    """Return why the server at a URL is not well; empty where it is.

    Args:
        url: of http, such as ``http://127.0.0.1:9464/readyz``.
    """
    if not url.startswith("http://"):
        return f"{url!r} is no URL of http"
    # Not by a proxy for the world outside: what is probed is this container.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=_WAIT_S):
            return ""
    except urllib.error.HTTPError as error:
        return f"{url} answers {error.code}: {error.read(400).decode(errors='replace')}"
    except OSError as error:
        return f"{url} does not answer: {error}"


if __name__ == "__main__":
    told = well(sys.argv[1]) if len(sys.argv) == 2 else "usage: python -m compose.probe URL"
    if told:
        echo(told, err=True)
        sys.exit(1)

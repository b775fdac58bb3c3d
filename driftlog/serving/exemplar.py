"""What a histogram of ``/metrics`` shows beside a bucket: one request that fell into it."""

from __future__ import annotations

from typing import Final

__all__ = ["exemplar"]

_NAME: Final = "correlation_id"
_MOST: Final = 128  # characters of all names and values together, by OpenMetrics
# Escaped they would be right by the format, and yet not every reader of it takes them.
_UNSAFE: Final = frozenset('"\\{}')


def exemplar(correlation_id: str) -> dict[str, str] | None:
    """Return the exemplar's labels; a long id is cut to what fits.

    Args:
        correlation_id: as the log has it, so of any content. Of an empty one, and of one with
            characters that could cost a scrape, there is no exemplar, and None is returned.
    """
    told = correlation_id[: _MOST - len(_NAME)]
    if not told or not (told.isascii() and told.isprintable()) or _UNSAFE & set(told):
        return None
    return {_NAME: told}

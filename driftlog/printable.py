"""Text of unknown origin, made fit for a terminal."""

from __future__ import annotations

import json

__all__ = ["printable", "printable_json"]


def printable(text: str) -> str:
    r"""Escape what is no visible character: a name must not move the cursor or turn the line.

    >>> printable("a\x1b[31mb\u202ec\n")
    'a\\x1b[31mb\\u202ec\\n'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def printable_json(raw: bytes) -> str:
    r"""Return JSON on one line, the same JSON, with the like escaped.

    >>> printable_json('{"a": "\u202e→"}'.encode())
    '{"a": "\\u202e→"}'

    Raises:
        ValueError: it is no JSON.
    """
    text = raw.decode()
    if "\n" in text or "\r" in text or "\t" in text:
        text = json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)

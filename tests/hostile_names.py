"""Names that somebody chose to do harm where they are shown, and what shows that they did none."""

from __future__ import annotations

import unicodedata
from typing import Final

__all__ = ["HOSTILE", "harmless"]

# None holds a lone surrogate: JSON and UTF-8 have none, and a record with one is a dead letter.
HOSTILE: Final = {
    "line feed": "a\nERROR forged: record\r\n",
    "escape sequences": "\x1b[2J\x1b[31mred\x1b[0m\x1b]0;title\x07",
    "eight-bit escape": "\x9b2J\x9d0;title\x9c",
    "quotes": '"\'`\\"} 1\n',
    "label end": 'x"} 1\ndriftlog_forged{model="x',
    "format": "{} {0.__class__} %s %n ${HOME}",
    "shell": "$(touch /tmp/driftlog-was-here); `id` | cat & rm -rf ~",
    "markup": "[bold red]x[/] [link=file:///etc/passwd]y[/link] :smile:",
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "right to left": "\u202egnp.exe\u2066\u2069",
    "invisible": "a\u200bb\u00adc\ufeff",
    "nul": "a\x00b",
    "very long": "x" * 5_000,
    "path": "../../etc/passwd",
}


def harmless(text: str) -> str:
    """Return the text as it came, having looked for what must not be in it.

    Raises:
        AssertionError: it holds a control or format character other than the line feed, or a line
            that a name began.
    """
    bad = {c for c in text if c != "\n" and unicodedata.category(c)[0] == "C"}
    assert not bad, f"{bad!r} in {text[:2_000]!r}"
    for line in text.split("\n"):
        assert not line.lstrip().startswith(("ERROR forged", "driftlog_forged")), line
    return text

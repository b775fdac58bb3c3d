"""Free text told from identifiers, by what stands in the texts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from statistics import median
from typing import Final

from stream.texts import UNSPACED

__all__ = ["is_prose"]

_LEAST_WORDS: Final = 3  # median of the texts
_SAME: Final = 0.9  # share of texts with the very same words: a pattern around a number
_ONE_CHARACTER: Final = re.compile(f"[{UNSPACED}]")


def is_prose(texts: Sequence[str]) -> bool:
    """Whether most texts hold several words, and not always the same ones.

    A word stands between spaces, has two letters or more and no digit; so neither a UUID nor an
    IBAN nor a telephone number holds any. Two characters of a script without spaces are one.

    >>> is_prose(["late again, no reason given", "the crew was very kind", "lost my bag in Rome"])
    True
    >>> is_prose(["order 17 of the year 2024", "order 18 of the year 2024"])
    False
    >>> is_prose(["4f1c 77aa 90be", "0d4b 1b2c 6e5f"])
    False
    """
    found = [_words(text) for text in texts]
    if not found or median(map(len, found)) < _LEAST_WORDS:
        return False
    ((_, most),) = Counter(found).most_common(1)
    return len(found) == 1 or most < _SAME * len(found)


def _words(text: str) -> tuple[str, ...]:
    head = text[:500]
    spaced = [] if head.isascii() else _ONE_CHARACTER.findall(head)
    pairs = ["".join(spaced[at : at + 2]) for at in range(0, len(spaced) - 1, 2)]
    left = _ONE_CHARACTER.sub(" ", head) if spaced else head
    return (
        *pairs,
        *(
            word
            for word in left.split()
            if sum(map(str.isalpha, word)) > 1 and not any(map(str.isdigit, word))
        ),
    )

"""Free text as cells: what a word is, what is unknown, which pair a row shows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftlog.records import TEXT_PARTS, TextPart, text_part, text_signal
from stream.rows import MISSING, WRONG_TYPE, event_hash
from stream.texts import (
    BUCKETS,
    MOST_CHARACTERS,
    SLOTS,
    TextReader,
    pairs_of,
    slot_of,
    word_hash,
    words_of,
)

SIGNALS: dict[TextPart, str] = {part: part for part in TEXT_PARTS}
KNOWN = b"".join(word_hash(word).to_bytes(4, "little") for word in (b"the", b"bag", b"is", b"00"))
TABLE = bytes(slot % len(BUCKETS) for slot in range(SLOTS))
READER = TextReader(SIGNALS, KNOWN, TABLE)


def keys(count: int) -> np.ndarray[Any, np.dtype[np.uint64]]:
    return np.array([event_hash(f"e{at}") for at in range(count)], dtype=np.uint64)


def read(*texts: Any, reader: TextReader = READER) -> dict[str, list[Any]]:
    found = reader.read(texts, keys(len(texts)))
    (bucket,) = found.categories.values()
    return {name: column.tolist() for name, column in found.numbers.items()} | {
        "ngrams": [int(code) for code in bucket.codes]
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The BAG is lost", ["the", "bag", "is", "lost"]),
        ("don't 'quote' rock'n'roll", ["dont", "quote", "rocknroll"]),
        ("don't, don\u2019t & 'quoted'", ["dont", "dont", "quoted"]),
        ("on 2024-03-17 at 17:05", ["on", "0000", "00", "00", "at", "00", "00"]),
        ("snake_case/path.txt", ["snake", "case", "path", "txt"]),
        ("Größe, ÉTÉ; naïve", ["größe", "été", "naïve"]),
        ("行李丢了 again", ["行", "李", "丢", "了", "again"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("\N{ARABIC-INDIC DIGIT FOUR}\N{ARABIC-INDIC DIGIT TWO}é", ["00é"]),
        ("👍🏽 great 👩‍👩‍👧", ["great"]),
        ("tab\tline\nnull\x00bell\x07nbsp\xa0é", ["tab", "line", "null", "bell", "nbsp", "é"]),
        ("", []),
        (" \x00 \U0001f600 ...", []),
    ],
)
def test_words_are_what_a_reader_takes_for_words(text: str, words: list[str]) -> None:
    assert [word.decode() for word in words_of(text)] == words


@given(
    st.text(max_size=60),
    st.text("aB1' _-.\t\x00", max_size=60),
    st.text("aB1' _-.\t\x00é行\u0301\u2019", max_size=60),
)
def test_any_text_has_lower_case_words_that_do_not_depend_on_their_neighbours(
    one: str, ascii_alone: str, mixed: str
) -> None:
    for text in (one, ascii_alone, mixed):
        words = words_of(text)
        assert all(word and not word.isspace() for word in words)
        # A letter beyond ASCII at the end sends the whole text another way.
        assert words_of(f"{text} é") == [*words, "é".encode()]
        assert words_of(text.upper().lower()) == words_of(text.upper())


def test_a_text_that_no_json_should_hold_is_read_all_the_same() -> None:
    assert words_of("bag \ud800 is\udfff") == [b"bag", b"is"]
    assert read("bag \ud800 is")["unknown_words"] == [0.0]


def test_cells_are_length_words_and_share_unknown() -> None:
    found = read("The bag is lost!", "bag 17", "où est le sac", "")
    assert found["length"] == [16, 6, 13, 0]
    assert found["words"] == [4, 2, 4, 0]
    assert found["unknown_words"] == [0.25, 0.0, 1.0, 0.0]


def test_null_is_missing_and_anything_else_of_a_wrong_type_in_all_four() -> None:
    found = read(None, 7, True, ["bag"], 2.5)
    for part in ("length", "words", "unknown_words"):
        assert np.isnan(found[part][0])
        assert found[part][1:] == [np.inf] * 4
    assert found["ngrams"] == [MISSING, *[WRONG_TYPE] * 4]


def test_a_long_text_has_its_whole_length_and_the_words_of_its_beginning() -> None:
    found = read("bag " * 250_000, "x" * 1_000_000)
    assert found["length"] == [1_000_000, 1_000_000]
    assert found["words"] == [MOST_CHARACTERS / 4, 1]


@settings(deadline=None)
@given(st.lists(st.none() | st.integers() | st.text(max_size=20), max_size=12), st.integers(0, 12))
def test_a_cell_does_not_depend_on_the_rows_beside_it(texts: list[Any], cut: int) -> None:
    whole = READER.read(texts, keys(len(texts)))
    fresh = TextReader(SIGNALS, KNOWN, TABLE)  # and remembers nothing
    parts = [
        fresh.read(texts[:cut], keys(len(texts))[:cut]),
        fresh.read(texts[cut:], keys(len(texts))[cut:]),
    ]
    for name, column in whole.numbers.items():
        np.testing.assert_array_equal(column, np.concatenate([p.numbers[name] for p in parts]))
    for name, buckets in whole.categories.items():
        codes = np.concatenate([p.categories[name].codes for p in parts])
        np.testing.assert_array_equal(buckets.codes, codes)


def test_rows_of_one_text_show_its_pairs_equally_often() -> None:
    text, rows = "the bag is lost", 20_000
    pairs = pairs_of(words_of(text))
    assert pairs == [b"^ the", b"the bag", b"bag is", b"is lost", b"lost $"]
    slots = [slot_of(pair) for pair in pairs]
    table = bytearray([0] * SLOTS)
    for bucket, slot in enumerate(slots, 1):
        table[slot] = bucket
    found = read(*[text] * rows, reader=TextReader(SIGNALS, KNOWN, bytes(table)))
    counts = np.bincount(found["ngrams"], minlength=6)
    assert counts[0] == 0
    expected = rows / 5
    assert ((counts[1:] - expected) ** 2 / expected).sum() < 18.5  # chi-square, 4 df, .001


def test_hashes_are_those_of_every_machine() -> None:
    """References hold them: another hash would make every word of every log unknown."""
    assert (word_hash(b"bag"), slot_of(b"the bag")) == (4_258_719_519, 629)


def test_a_damaged_reference_makes_unknown_words_and_no_crash() -> None:
    reader = TextReader(SIGNALS, KNOWN[:-1], b"\xff\x00")
    found = read("the bag is 17", reader=reader)
    assert found["unknown_words"] == [0.25]
    assert found["ngrams"][0] in (0, len(BUCKETS) - 1)


@given(st.text(max_size=8), st.sampled_from(TEXT_PARTS))
def test_the_name_of_a_signal_tells_its_input_and_part(name: str, part: TextPart) -> None:
    assert text_part(text_signal(name, part)) == ((name, part) if name else None)
    assert text_part(name) is None or name.startswith("input.")

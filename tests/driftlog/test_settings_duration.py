"""Durations as people write them."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlog.settings import Duration

UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


@given(st.integers(0, 2**62))
def test_what_is_written_is_read_back(ms: int) -> None:
    assert Duration.parse(str(Duration(ms))) == ms


@given(st.integers(0, 10**9), st.sampled_from(sorted(UNITS)), st.sampled_from(["", " "]))
def test_a_number_counts_in_its_unit(number: int, unit: str, space: str) -> None:
    assert Duration.parse(f"{space}{number}{space}{unit}{space}") == number * UNITS[unit]


@given(st.integers(0, 10**9))
def test_a_bare_number_is_seconds(seconds: int) -> None:
    assert Duration.parse(seconds) == seconds * 1_000


@given(st.integers(0, 10**6))
def test_fractions_are_taken_down_to_the_millisecond(ms: int) -> None:
    assert Duration.parse(f"{ms // 1000}.{ms % 1000:03}s") == ms


@pytest.mark.parametrize(
    "held",
    [
        *("", "10", "ten s", "-1s", "1.2.3s", "0.1ms", "1e3s", "1s 5ms", "9" * 400 + "d", "١s"),
        *(None, True, [], -1, float("nan"), float("inf")),
    ],
)
def test_what_is_no_duration_is_refused(held: object) -> None:
    with pytest.raises(ValueError, match="a duration"):
        Duration.parse(held)


@given(st.text() | st.from_regex(r"[0-9]+(\.[0-9]+)? ?(ms|[smhd])", fullmatch=True))
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert Duration.parse(text) >= 0

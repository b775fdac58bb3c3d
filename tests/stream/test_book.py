"""Which profile a pane is judged by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlog.errors import InputError
from stream.book import ReferenceBook, parse_reference_key, reference_key
from tests.stream.bare_profile import bare_profile


def test_the_last_profile_that_has_taken_effect_by_the_start_of_the_pane_judges_it() -> None:
    book = ReferenceBook([bare_profile("b", 100), bare_profile("a", 0), bare_profile("c", 200)])
    ids = {
        ts: found and found.reference_id
        for ts in (-1, 0, 99, 100, 250)
        if (found := book.in_effect("m", "1", ts)) or ts < 0
    }
    assert ids == {-1: None, 0: "a", 99: "a", 100: "b", 250: "c"}


def test_of_two_that_take_effect_at_once_the_greater_id_wins_in_any_order_of_arrival() -> None:
    first, second = bare_profile("a", 0), bare_profile("b", 0)
    for pair in ([first, second], [second, first]):
        assert ReferenceBook(pair).in_effect("m", "1", 0) == second


def test_models_and_versions_do_not_mix() -> None:
    book = ReferenceBook(
        [bare_profile("a", 0), bare_profile("b", 0, version="2"), bare_profile("c", 0, "n")]
    )
    assert book.versions() == (("m", "1"), ("m", "2"), ("n", "1"))
    assert book.in_effect("n", "2", 0) is None
    assert [one.reference_id for one in book.history("m", "2")] == ["b"]


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 5)), max_size=12).flatmap(
        lambda pairs: st.tuples(st.just(pairs), st.permutations(pairs))
    )
)
def test_a_book_depends_on_its_profiles_alone(
    lists: tuple[list[tuple[str, int]], list[tuple[str, int]]],
) -> None:
    distinct = dict(lists[0])
    given_order = [bare_profile(name, at) for name, at in distinct.items()]
    other_order = [bare_profile(name, distinct[name]) for name in dict(lists[1])]
    one_by_one = ReferenceBook()
    for each in other_order:
        one_by_one = one_by_one.with_profile(each)
    assert ReferenceBook(given_order) == one_by_one
    assert len(one_by_one) == len(distinct)


@given(st.text(min_size=1, max_size=8), st.text(min_size=1, max_size=8))
def test_a_key_gives_back_model_and_version_whatever_they_hold(model: str, version: str) -> None:
    key = reference_key(bare_profile("0f", 0, model, version))
    assert parse_reference_key(key) == (model, version, "0f")


@pytest.mark.parametrize("text", ["", "m", "@1", "m@", "m@1@2@3"])
def test_anything_else_is_refused_with_the_form_it_must_have(text: str) -> None:
    with pytest.raises(InputError, match="MODEL@VERSION"):
        parse_reference_key(text)

"""Counts under names from outside."""

from __future__ import annotations

from stream.tally import Tally


def test_names_beyond_the_room_are_counted_together() -> None:
    tally = Tally(most_names=2)
    assert tally.add(("a", "1"), 3)
    assert not tally.add(("a", "1"))
    assert tally.add(("b", "1"))
    assert not tally.add(("c", "1"), 5), "no room, no news"
    tally.update([(("a", "1"), 1), (("d", "1"), 2)])
    assert tally.of == {("a", "1"): 5, ("b", "1"): 1}
    assert tally.beyond == 7

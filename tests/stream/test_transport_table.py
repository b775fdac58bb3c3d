"""What a frozen owner writes when it wakes up does not count against the next owner's state."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from faust.stores import memory

from stream.transport.table import OWNER, Owner, Store

FIRST, SECOND = Owner(1, 4), Owner(2, 5)

Written = tuple[bytes, bytes | None, Owner | None]


def store(kind: type[Any] = Store) -> Any:
    return kind("memory://", None, None, table_name="monitor")


def recover(into: Any, *written: Written) -> None:
    """Read records of the changelog of partition 0, as a recovery does."""
    into.apply_changelog_batch([event(*one) for one in written], lambda k: k, lambda v: v)


def event(key: bytes, value: bytes | None, owner: Owner | None) -> Any:
    headers: Sequence[tuple[str, bytes]] = [] if owner is None else [(OWNER, owner.encode())]
    message = SimpleNamespace(value=value, partition=0, headers=headers)
    return SimpleNamespace(key=key, value=value, message=message)


# A series as a frozen owner had it, sent when it woke up: after the next owner's checkpoint.
ZOMBIE: tuple[Written, ...] = (
    (b"00000 s", b"pane 7", FIRST),
    (b"00000 \0partition", b"pane 7", FIRST),
    (b"00000 s", b"pane 20", SECOND),
    (b"00000 \0partition", b"pane 20", SECOND),
    (b"00000 s", b"pane 8", FIRST),
)


def test_faust_itself_takes_the_last_record_whoever_wrote_it() -> None:
    stock = store(memory.Store)
    recover(stock, *ZOMBIE)
    assert stock.data == {b"00000 s": b"pane 8", b"00000 \0partition": b"pane 20"}


@pytest.mark.parametrize("cut", range(1, len(ZOMBIE)))
def test_the_latest_owners_record_stands_however_the_recovery_is_cut(cut: int) -> None:
    fenced = store()
    recover(fenced, *ZOMBIE[:cut])
    recover(fenced, *ZOMBIE[cut:])
    assert fenced.data == {b"00000 s": b"pane 20", b"00000 \0partition": b"pane 20"}
    assert fenced.passed_over == 1


def test_a_late_deletion_and_a_late_revival_do_not_count() -> None:
    fenced = store()
    recover(fenced, (b"00000 a", b"new", SECOND), (b"00000 b", None, SECOND))
    recover(fenced, (b"00000 a", None, FIRST), (b"00000 b", b"old", FIRST))
    assert fenced.data == {b"00000 a": b"new"}


def test_what_this_worker_wrote_stands_against_an_earlier_owners_late_word() -> None:
    fenced = store()
    fenced.put(b"00000 s", b"pane 20", SECOND)
    recover(fenced, (b"00000 s", b"pane 8", FIRST))
    assert fenced.data == {b"00000 s": b"pane 20"}


def test_an_owners_records_follow_each_other() -> None:
    fenced = store()
    recover(fenced, (b"00000 s", b"1", FIRST), (b"00000 s", b"2", FIRST), (b"00000 s", None, FIRST))
    assert fenced.data == {}


def test_a_persons_command_stands() -> None:
    fenced = store()
    recover(fenced, (b"00000 s", b"1", SECOND), (b"00000 s", None, None))
    assert fenced.data == {}
    recover(fenced, (b"00000 s", b"2", FIRST))  # the count begins anew
    assert fenced.data == {b"00000 s": b"2"}


def test_a_later_owner_is_greater_though_it_began_with_the_same_state() -> None:
    begun = store()
    recover(begun, (b"00000 s", b"1", Owner(6, 40)), (b"00001 s", b"1", Owner(9, 50)))

    def mine(key: bytes) -> bool:
        return key.startswith(b"00000 ")

    frozen, following = begun.next_owner(mine, 41), begun.next_owner(mine, 43)
    assert (frozen, following) == (Owner(7, 41), Owner(7, 43))
    assert frozen < following
    assert begun.next_owner(mine, 1) > Owner(6, 40), "a group that begins anew"
    assert store().next_owner(mine, 1) == Owner(1, 1)


def test_what_others_own_now_is_forgotten_with_its_owners() -> None:
    fenced = store()
    recover(fenced, (b"00000 s", b"1", SECOND))
    fenced.forget(lambda key: True)
    assert not fenced.data
    recover(fenced, (b"00000 s", b"1", FIRST))
    assert fenced.data == {b"00000 s": b"1"}, "read from the changelog's start again"


@pytest.mark.parametrize("raw", [b"", b"1", b"-1 2", b"1 2 3", b"a b", b"9" * 40 + b" 1"])
def test_an_owner_that_cannot_be_read_is_none(raw: bytes) -> None:
    assert Owner.decode(raw) is None
    assert Owner.decode(FIRST.encode()) == FIRST


def test_deleted_keys_do_not_add_up() -> None:
    fenced = store()
    for number in range(100):
        fenced.put(b"00000 learned %d" % number, b"rows", FIRST)
        fenced.put(b"00000 learned %d" % number, None, FIRST)
    assert not fenced.data
    assert not fenced.owners

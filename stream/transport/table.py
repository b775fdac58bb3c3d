"""Tables in which a record of an owner of before never counts against one of an owner since."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

import faust
from faust.stores import memory
from faust.types import EventT

__all__ = ["OWNER", "Owner", "Store", "Table"]

OWNER: Final = "owner"  # header of a record of state
_WRITTEN: Final = re.compile(rb"(\d{1,18}) (\d{1,18})")


class Owner(NamedTuple):
    """Who wrote a record of a partition's state; a later owner is greater.

    ``number`` is one more than any in the state it began with, ``generation`` the group's. Either
    alone would not do: two owners that began with the same state have the same number, and a group
    that was empty for long begins its generations anew.
    """

    number: int
    generation: int

    def encode(self) -> bytes:
        """Return the value of the header."""
        return b"%d %d" % self

    @classmethod
    def decode(cls, raw: bytes) -> Owner | None:
        """Read it; none where it is none of ours."""
        found = _WRITTEN.fullmatch(raw)
        return None if found is None else cls(int(found[1]), int(found[2]))


class Store(memory.Store[bytes, bytes]):
    """Faust's store in memory, which takes the last record of a key, whoever wrote it.

    A worker that is frozen past its session wakes up in the belief that it still owns its
    partitions, and what it had under way reaches the changelog after the records of the next
    owner: a series of then beside the partition of now, and all panes between them were missing
    from it for good. Here the record of the latest owner stands. One without an owner was written
    by a person's command and stands in any case.
    """

    owners: dict[bytes, Owner]
    passed_over: int  # records, since the store was made

    def __post_init__(self) -> None:
        super().__post_init__()
        self.owners = {}
        self.passed_over = 0

    def apply_changelog_batch(
        self,
        batch: Iterable[EventT[Any]],
        to_key: Callable[[Any], Any],
        to_value: Callable[[Any], Any],
    ) -> None:
        """Take a batch of a recovery."""
        standing = [event for event in batch if self._stands(to_key(event.key), event.message)]
        super().apply_changelog_batch(standing, to_key, to_value)

    def _stands(self, key: bytes, message: Any) -> bool:
        owner = _owner(message.headers)
        if owner is None:
            self.owners.pop(key, None)
        elif owner < self.owners.get(key, owner):
            self.passed_over += 1
            return False
        else:
            self.owners[key] = owner
        return True

    def put(self, key: bytes, value: bytes | None, owner: Owner) -> None:
        """Take a record that the broker has acknowledged; none deletes."""
        if value is None:
            # Deleted are rows learned, under names that the log makes up: they must not add up.
            self.data.pop(key, None)
            self.owners.pop(key, None)
        else:
            self.data[key], self.owners[key] = value, owner

    def next_owner(self, mine: Callable[[bytes], bool], generation: int) -> Owner:
        """Return the owner that begins with what is here.

        Args:
            mine: whether a key is of the partition.
            generation: of the group.
        """
        numbers = (owner.number for key, owner in self.owners.items() if mine(key))
        return Owner(max(numbers, default=0) + 1, generation)

    def forget(self, gone: Callable[[bytes], bool]) -> None:
        """Drop keys of partitions that others own now; Faust keeps those written here."""
        for kept in (self.data, self.owners):
            for key in [key for key in kept if gone(key)]:
                del kept[key]


class Table(faust.Table[bytes, bytes]):
    """A table of bytes by bytes on such a store."""

    data: Store

    def _new_store(self) -> Any:
        return Store(
            "memory://",
            self.app,
            self,
            table_name=self.name,
            key_type=self.key_type,
            key_serializer=self.key_serializer,
            value_serializer=self.value_serializer,
            value_type=self.value_type,
            loop=self.loop,
            options=self.options,
        )

    async def write(self, partition: int, key: bytes, value: bytes | None, owner: Owner) -> None:
        """Write a record to the changelog; return when the broker has acknowledged it.

        Args:
            partition: of the changelog.
            key: with which it is found again.
            value: the state; none deletes.
            owner: who writes.
        """
        await self.changelog_topic.send_soon(
            key=key,
            value=value,
            partition=partition,
            headers=[(OWNER, owner.encode())],
            key_serializer=self.key_serializer,
            value_serializer=self.value_serializer,
            callback=self._on_changelog_sent,
            eager_partitioning=True,
        )


def _owner(headers: Any) -> Owner | None:
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    for name, raw in pairs:
        if name == OWNER:
            return Owner.decode(raw)
    return None

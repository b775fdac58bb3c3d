"""What brokers of a cluster answer on a bad day: each a fault on the embedded broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from random import Random
from typing import Final

from aiokafka import errors
from aiokafka.errors import KafkaError

from driftlog.testing.embedded import DISCONNECT, Api, EmbeddedBroker

__all__ = ["BROKERS", "RequestFaults"]

BROKERS: Final = 3
_OFTEN: Final = 4  # at most so many requests in a row fail
_LONGEST_S: Final = 3.0  # of faults that last
_DELAYS_MS: Final = (100, 800)
_LATE_MS: Final = 1_500  # longer than the way from its beginning to the cut

_Errors = Sequence[int | type[KafkaError]]
_MOVING: Final[_Errors] = (
    errors.NotLeaderForPartitionError,
    errors.LeaderNotAvailableError,
    errors.UnknownTopicOrPartitionError,
    errors.KafkaStorageError,
    DISCONNECT,
)
_GONE: Final[_Errors] = (
    errors.GroupCoordinatorNotAvailableError,
    errors.NotCoordinatorForGroupError,
    DISCONNECT,
)
# A coordinator that loads its groups answers heartbeats with success and lets syncs join anew.
_COORDINATOR: Final[_Errors] = (*_GONE, errors.GroupLoadInProgressError)
_MEMBER: Final[_Errors] = (
    errors.UnknownMemberIdError,
    errors.IllegalGenerationError,
    errors.RebalanceInProgressError,
)
# What brokers answer while leaders and coordinators move, replicas lag and members are thrown out.
# Not here: refusals (rights, sizes), which end a worker on purpose.
_ANSWERS: Final[dict[Api, _Errors]] = {
    Api.PRODUCE: (
        *_MOVING,
        errors.RequestTimedOutError,
        errors.NotEnoughReplicasError,
        errors.NotEnoughReplicasAfterAppendError,
    ),
    Api.FETCH: (*_MOVING, errors.UnknownError),
    Api.LIST_OFFSETS: _MOVING,
    Api.METADATA: (DISCONNECT,),  # its errors are those of its topics and partitions
    Api.OFFSET_COMMIT: (*_COORDINATOR, *_MEMBER, errors.RequestTimedOutError),
    Api.OFFSET_FETCH: _COORDINATOR,
    Api.FIND_COORDINATOR: (errors.GroupCoordinatorNotAvailableError, DISCONNECT),
    Api.JOIN_GROUP: (*_COORDINATOR, errors.UnknownMemberIdError),
    Api.SYNC_GROUP: (*_GONE, *_MEMBER),
    Api.HEARTBEAT: (*_GONE, *_MEMBER),
}


class RequestFaults:
    """Faults in a seeded order, each kind as often as the others.

    Args:
        broker: of `BROKERS` brokers.
        partitions: by topic; whose leaders move.
        groups: whose coordinators move.
        seed: of everything drawn.
    """

    def __init__(
        self,
        broker: EmbeddedBroker,
        partitions: dict[str, int],
        groups: Sequence[str],
        seed: int,
    ) -> None:
        self._broker = broker
        self._places = [(name, p) for name, count in partitions.items() for p in range(count)]
        self._groups = groups
        self._draw = Random(f"faults {seed}")
        self._kinds: dict[str, Callable[[], AbstractAsyncContextManager[None]]] = {
            **{f"errors of {api.name}": partial(self._errors, api) for api in _ANSWERS},
            "a partition without leader": self._leaderless,
            "a leader that moves": self._moved,
            "a broker of three away": self._away,
            "late answers": self._late,
            "answers lost after the deed": self._lost,
            "a coordinator that moves": self._coordinator,
        }
        self._left: list[str] = []

    @property
    def kinds(self) -> int:
        """How many kinds of faults there are."""
        return len(self._kinds)

    async def one(self) -> str:
        """Inject the next fault, wait until it is over, and return its name."""
        if not self._left:
            self._left = list(self._kinds)
            self._draw.shuffle(self._left)
        name = self._left.pop()
        async with self._kinds[name]():
            await asyncio.sleep(self._draw.uniform(0.2, 1.0))
        return name

    @asynccontextmanager
    async def _errors(self, api: Api) -> AsyncIterator[None]:
        # They stay until the requests come, over the next faults too.
        count = self._draw.randint(1, _OFTEN)
        self._broker.push_request_errors(api, self._draw.choices(_ANSWERS[api], k=count))
        yield

    @asynccontextmanager
    async def _leaderless(self) -> AsyncIterator[None]:
        # Of one request for several partitions a part fails.
        topic, partition = self._draw.choice(self._places)
        self._broker.set_leader(topic, partition, None)
        await asyncio.sleep(self._draw.uniform(0.5, _LONGEST_S))
        yield
        self._broker.set_leader(topic, partition, self._any_broker())

    @asynccontextmanager
    async def _moved(self) -> AsyncIterator[None]:
        for topic, partition in self._draw.sample(self._places, min(4, len(self._places))):
            self._broker.set_leader(topic, partition, self._any_broker())
        yield

    @asynccontextmanager
    async def _away(self) -> AsyncIterator[None]:
        broker = self._any_broker()
        self._broker.broker_down(broker)
        await asyncio.sleep(self._draw.uniform(0.5, _LONGEST_S))
        yield
        self._broker.broker_up(broker)

    @asynccontextmanager
    async def _late(self) -> AsyncIterator[None]:
        self._broker.set_delay(self._draw.randint(*_DELAYS_MS))
        await asyncio.sleep(self._draw.uniform(0.5, _LONGEST_S))
        yield
        self._broker.set_delay(0)

    @asynccontextmanager
    async def _lost(self) -> AsyncIterator[None]:
        broker = self._any_broker()
        self._broker.set_delay(_LATE_MS, broker)
        yield
        self._broker.broker_down(broker)
        self._broker.set_delay(0, broker)
        await asyncio.sleep(0.2)
        self._broker.broker_up(broker)

    @asynccontextmanager
    async def _coordinator(self) -> AsyncIterator[None]:
        self._broker.set_coordinator(self._draw.choice(self._groups), self._any_broker())
        yield

    def _any_broker(self) -> int:
        return self._draw.randint(1, BROKERS)

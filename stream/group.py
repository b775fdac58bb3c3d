"""A mend of aiokafka's group consumer: a coordinator that ends is looked for again."""

from __future__ import annotations

from typing import Any

from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError

__all__ = ["mend_group"]


def mend_group(consumer: Any) -> None:
    """Let a consumer that has started ask again where a broker that ends refuses it the commits.

    A broker that is told to end answers "coordinator not available" to the question for committed
    offsets. aiokafka knows the answer from every request but this one, where it takes it for an
    unknown error: the consumer is of no use from then on.
    """
    coordinator = consumer._coordinator
    ask = coordinator._do_fetch_commit_offsets

    async def ask_whoever_coordinates(partitions: Any) -> Any:
        try:
            return await ask(partitions)
        except KafkaError as exc:
            if type(exc) is KafkaError and GroupCoordinatorNotAvailableError.__name__ in str(exc):
                coordinator.coordinator_dead()
                raise GroupCoordinatorNotAvailableError from exc
            raise

    coordinator._do_fetch_commit_offsets = ask_whoever_coordinates

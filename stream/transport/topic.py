"""A topic whose undelivered records are told once."""

from __future__ import annotations

import asyncio
from typing import Any

import faust
from faust.types import FutureMessage
from faust.types.transports import ProducerT

__all__ = ["Topic"]


class Topic(faust.Topic):
    """Faust's, without a traceback for each undelivered record whenever garbage is collected.

    Of a record that could not be sent the producer ends the worker with the reason. Faust keeps the
    same failure a second time, where nobody looks.
    """

    def _on_published(
        self, fut: asyncio.Future[Any], message: FutureMessage, producer: ProducerT, state: Any
    ) -> None:
        super()._on_published(fut, message, producer, state)
        if not message.cancelled():
            message.exception()  # has been seen

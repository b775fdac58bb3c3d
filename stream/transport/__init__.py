"""Faust's Kafka transport, with the defects of 0.15.3 mended that lose events, stall or hang.

Call `install` before a `faust.App` is made: from then on `kafka://` means this transport. Each mend
states its reason at its place; `docs/decisions/0002-faust-transport.md` has the evidence, and each
has a test which also shows the defect on Faust's own class, so that a Faust that no longer has it
is noticed.

Importing this package raises `TransportError` when the installed Faust is not the one mended here.
"""

from __future__ import annotations

import logging

from faust.transport.drivers import TRANSPORTS
from faust.transport.drivers import aiokafka as driver

from driftlog.flood import FloodFilter
from stream.transport.consumer import Consumer
from stream.transport.engine import TransportError, require_engine
from stream.transport.producer import Producer
from stream.transport.progress import observe
from stream.transport.settings import recommended_settings
from stream.transport.table import Owner, Table

__all__ = [
    "Consumer",
    "FloodFilter",
    "Owner",
    "Producer",
    "Table",
    "Transport",
    "TransportError",
    "install",
    "observe",
    "recommended_settings",
]

require_engine()


class Transport(driver.Transport):
    """Faust's aiokafka transport with the mended consumer and producer."""

    Consumer = Consumer
    Producer = Producer


def install(lines_per_second: int = 1) -> None:
    """Make `kafka://` mean this transport, and bound what aiokafka logs. May be called again.

    Args:
        lines_per_second: how many equal lines a second aiokafka may write (see `FloodFilter`).
    """
    TRANSPORTS.by_name("kafka")  # reads the entry points now, so that none of them wins later
    TRANSPORTS.aliases["kafka"] = f"{__name__}:Transport"
    FloodFilter(lines_per_second).attach(logging.getLogger("aiokafka"))

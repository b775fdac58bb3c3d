"""How long a partition may wait for a fetch of the others that is under way."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import faust
from faust.transport.drivers import aiokafka as driver

from stream.transport import recommended_settings
from stream.transport.thread import FETCH_WAIT, ConsumerThread


async def test_an_empty_fetch_holds_no_partition_up_for_long(tmp_path: Path) -> None:
    app = faust.App(
        **recommended_settings(
            app_id="a", bootstrap="127.0.0.1:1", partitions=1, data_directory=tmp_path
        )
    )
    transport: Any = app.transport
    waits = []
    for made in (driver.AIOKafkaConsumerThread, ConsumerThread):
        # Neither is started: of the thread no more is needed than what it reads of its app.
        thread: Any = made.__new__(made)
        thread.app = app
        thread.consumer = SimpleNamespace(in_transaction=False)
        created: Any = made._create_worker_consumer(thread, transport)
        waits.append(created._fetch_max_wait_ms)
        created._closed = True  # nothing to close
    assert waits == [1500, FETCH_WAIT]

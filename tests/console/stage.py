"""A console as somebody runs it: a process of its own before a broker with a story on it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

import httpx
from confluent_kafka import Producer

from driftlog.settings import load_settings
from driftlog.testing.cluster import Broker
from stream.topics import worker_topics
from tests.api.console import samples
from tests.api.console.samples import Sample

__all__ = ["WITHIN_S", "Stage", "staged"]

WITHIN_S: Final = 90.0  # what takes longer has failed, on a slow machine too
_ROOT: Final = Path(__file__).resolve().parents[2]
_BEAT_S: Final = 1.0
_END_S: Final = 30.0


class Stage:
    """Topics, what is written to them, and the console; `staged` makes one.

    While ``beating`` is set, markers come as from workers that live: without them all is stale
    after a while, as it should be.
    """

    def __init__(self, bootstrap: str, folder: Path) -> None:
        self.prefix = f"console-{uuid4().hex[:12]}."
        self.beating = threading.Event()
        self.beating.set()
        self._bootstrap = bootstrap
        self._log = folder / f"console-{uuid4().hex[:8]}.log"
        self._producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0})
        self._process: subprocess.Popen[bytes] | None = None
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = int(free.getsockname()[1])
        self.url = f"http://127.0.0.1:{self._port}"

    @property
    def environment(self) -> dict[str, str]:
        """The settings of the process."""
        return {
            "DRIFTLOG_KAFKA": self._bootstrap,
            "DRIFTLOG_KAFKA_PREFIX": self.prefix,
            "DRIFTLOG_CONSOLE_STALE_AFTER": "2s",
        }

    @property
    def log(self) -> str:
        """All that the console has said."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def pid(self) -> int:
        """Of the console."""
        assert self._process is not None
        return self._process.pid

    def write(self, told: Iterable[Sample]) -> None:
        """Write records; they are acknowledged on return."""
        for one in told:
            self._producer.produce(self.prefix + one.topic, one.value, one.key)
        assert self._producer.flush(WITHIN_S) == 0

    def start(self) -> None:
        """Start the console; it has read the log on return."""
        assert self._process is None
        clean = {k: v for k, v in os.environ.items() if not k.startswith("DRIFTLOG_")}
        with self._log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "driftlog", "console", "--port", str(self._port)],
                cwd=_ROOT,
                env={**clean, **self.environment, "DRIFTLOG_CONFIG": os.devnull},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        until = time.monotonic() + WITHIN_S
        while not self._answers():
            assert self._process.poll() is None, self.log
            assert time.monotonic() < until, self.log
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def stop(self) -> None:
        """End the console, browsers looking on or not.

        Raises:
            AssertionError: it did not end by itself.
        """
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"the console did not end:\n{self.log}") from None

    def beat(self, ended: threading.Event) -> None:
        """Write markers until the end."""
        producer = Producer({"bootstrap.servers": self._bootstrap, "log_level": 0})
        while not ended.wait(_BEAT_S):
            if not self.beating.is_set():
                continue
            for partition in range(2):
                one = samples.marker(partition, samples.PANES - 1)
                producer.produce(self.prefix + one.topic, one.value, one.key)
            producer.flush(5)


@contextmanager
def staged(broker: Broker, folder: Path, told: Iterable[Sample]) -> Iterator[Stage]:
    """Make topics with records on them, and run a console before them.

    Args:
        broker: either kind.
        folder: for the console's log.
        told: the records.
    """
    stage = Stage(broker.bootstrap, folder)
    settings = load_settings(Path(os.devnull), stage.environment)
    broker.create_topics(worker_topics(settings))
    stage.write(told)
    ended = threading.Event()
    beating = threading.Thread(target=stage.beat, args=(ended,), daemon=True)
    beating.start()
    try:
        stage.start()
        yield stage
    except BaseException:
        print(f"---- the console said:\n{stage.log}\n----")
        raise
    finally:
        stage.stop()
        ended.set()
        beating.join()

"""A real Apache Kafka: one KRaft node of its own on loopback, from Maven's jars.

Needs Java 17 and, the first time, Maven. ``kill``, ``freeze`` and ``restart`` do to it what
happens to brokers, on the same data.
"""

from __future__ import annotations

import base64
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from driftlog.errors import BrokerError
from driftlog.testing.cluster import KafkaCluster
from driftlog.testing.kafka_jars import classpath
from driftlog.testing.kafka_settings import LOGGING, server_properties
from driftlog.testing.process import Process

__all__ = ["ApacheKafka"]

_START_TIMEOUT: Final = 400.0  # seconds; 3 to 4 on an idle machine
_PORT_ATTEMPTS: Final = 3


class ApacheKafka(KafkaCluster):
    """One Apache Kafka broker with its own data, as a context manager or by ``start``/``stop``.

    Topics are never made on the fly, internal topics have one replica and one partition, and a
    new group is assigned without delay. Compaction and retention run as in production.

    Args:
        settings: further broker settings, in the words of Kafka's ``server.properties``.
        java_options: of the virtual machine.
        listeners: further listeners by name, with their security protocol, such as
            ``{"SECURE": "SASL_SSL"}``; certificates and users go in ``settings``.
        scram: passwords by user, known to both SCRAM mechanisms from the start.
        owner: the process whose end also ends the broker, even a killed one; default: this one.
    """

    def __init__(
        self,
        *,
        settings: Mapping[str, str] | None = None,
        java_options: Sequence[str] = ("-Xmx512m", "-XX:+UseSerialGC"),
        listeners: Mapping[str, str] | None = None,
        scram: Mapping[str, str] | None = None,
        owner: int | None = None,
    ) -> None:
        super().__init__("")
        self._settings = dict(settings or {})
        self._protocols = dict(listeners or {})
        self._ports: dict[str, int] = {}  # of these listeners
        self._scram = dict(scram or {})
        self._java_options = list(java_options)
        self._owner = os.getpid() if owner is None else owner
        self._directory: Path | None = None
        self._process: Process | None = None
        self._guard: Process | None = None

    @property
    def bootstrap(self) -> str:
        """What clients connect to, "127.0.0.1:port"; the same after a restart."""
        if not self._bootstrap:
            raise BrokerError("Apache Kafka is not running; call start() first")
        return self._bootstrap

    def listener(self, name: str) -> str:
        """What clients connect to at one of the further listeners, "127.0.0.1:port"."""
        if name not in self._ports:
            raise BrokerError(f"Apache Kafka has no listener {name!r} now; start it with one")
        return f"127.0.0.1:{self._ports[name]}"

    @property
    def pid(self) -> int:
        """The broker's process id."""
        if self._process is None:
            raise BrokerError("Apache Kafka is not running; call start() or restart() first")
        return self._process.pid

    def start(self) -> Self:
        """Format new storage, start the broker and wait until it answers.

        Raises:
            BrokerError: Java or Maven are missing, or it did not come up; with the log's end.
        """
        if self._directory is not None:
            return self
        path = classpath()
        self._directory = Path(tempfile.mkdtemp(prefix="driftlog-kafka-"))
        guard = [sys.executable, "-m", "driftlog.testing.guard"]
        guard += [str(self._owner), str(self._directory)]
        self._guard = Process(guard, self._directory / "guard.log")
        try:
            self._start_on_free_ports(path)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the broker and remove its data. Idempotent."""
        self.kill()
        if self._guard is not None:
            self._guard.send_signal(signal.SIGTERM)
            self._guard.wait()
            self._guard = None
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None
        self._bootstrap = ""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def kill(self) -> None:
        """End the process at once, as a crash would (SIGKILL); its data stay."""
        self._end(signal.SIGKILL)

    def shut_down(self) -> None:
        """Let the broker close its log and end (SIGTERM); its data stay."""
        self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """Stop the process where it is (SIGSTOP): connections stay open, nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen process go on (SIGCONT)."""
        os.kill(self.pid, signal.SIGCONT)

    def restart(self) -> None:
        """Start again on the same data and port, and wait until it answers; kill it if it runs.

        Raises:
            BrokerError: it was never started, or did not come up; with the log's end.
        """
        if self._directory is None:
            raise BrokerError("Apache Kafka was never started; call start() first")
        self.kill()
        self._launch(classpath())

    def log(self, lines: int = 40) -> str:
        """Return the end of the broker's log."""
        if self._directory is None:
            return ""
        text = (self._directory / "broker.log").read_text(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def _start_on_free_ports(self, path: str) -> None:
        assert self._directory is not None
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            shutil.rmtree(self._directory / "data", ignore_errors=True)
            port, controller_port, *more = _free_ports(2 + len(self._protocols))
            self._ports = dict(zip(self._protocols, more, strict=True))
            self._bootstrap = f"127.0.0.1:{port}"
            (self._directory / "log4j2.properties").write_text(LOGGING)
            (self._directory / "server.properties").write_text(
                server_properties(
                    port,
                    controller_port,
                    self._directory / "data",
                    self._settings,
                    {name: (self._ports[name], self._protocols[name]) for name in self._ports},
                )
            )
            self._format(path)
            try:
                self._launch(path)
                return
            except BrokerError:
                # Another process took a port between our look and Kafka's.
                if attempt == _PORT_ATTEMPTS or "Address already in use" not in self.log(200):
                    raise
                self.kill()

    def _java(self, path: str, main_class: str, *arguments: str) -> list[str]:
        assert self._directory is not None
        logging = f"-Dlog4j2.configurationFile={self._directory / 'log4j2.properties'}"
        return ["java", *self._java_options, logging, "-cp", path, main_class, *arguments]

    def _format(self, path: str) -> None:
        """Write a new cluster's id and its only voter into the empty storage."""
        assert self._directory is not None
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        command = self._java(path, "kafka.tools.StorageTool", "format", "--standalone")
        command += [f"--cluster-id={cluster_id}", "-c", str(self._directory / "server.properties")]
        for user, password in self._scram.items():
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
                command += ["--add-scram", f"{mechanism}=[name={user},password={password}]"]
        run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if run.returncode:
            raise BrokerError(f"Kafka's storage was not formatted:\n{run.stdout}{run.stderr}")

    def _launch(self, path: str) -> None:
        assert self._directory is not None
        command = self._java(path, "kafka.Kafka", str(self._directory / "server.properties"))
        self._process = Process(command, self._directory / "broker.log")
        (self._directory / "pid").write_text(str(self._process.pid))
        self._wait_until_it_answers(self._process)

    def _wait_until_it_answers(self, process: Process) -> None:
        deadline = time.monotonic() + _START_TIMEOUT
        while time.monotonic() < deadline and process.exit_code() is None:
            if _listens(self.bootstrap) and self.answers():
                return
            time.sleep(0.05)
        how = (
            "did not answer" if process.exit_code() is None else f"ended with {process.exit_code()}"
        )
        raise BrokerError(f"Apache Kafka at {self.bootstrap} {how}; its log ends:\n{self.log()}")

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            process, self._process = self._process, None
            process.send_signal(number)
            if number is not signal.SIGKILL:
                process.send_signal(signal.SIGCONT)  # a frozen one could not hear it
            process.wait()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _listens(address: str) -> bool:
    """Whether somebody accepts connections there; asked first, since aiokafka logs refusals."""
    host, port = address.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=1.0).close()
    except OSError:
        return False
    return True

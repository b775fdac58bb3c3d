"""The containers' own commands and variables, run in a tree that may not be written to."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from driftlog.settings import load_settings
from driftlog.testing.cluster import Broker
from driftlog.testing.embedded import EmbeddedBroker
from stream.topics import worker_topics
from tests.compose.containers import Container, Image

_DEADLINE_S = 240.0


@contextmanager
def _sealed(broker: Broker, folder: Path) -> Iterator[Image]:
    """The image's tree beside a broker; its topics are there only where they cannot be made."""
    settings = {
        "DRIFTLOG_KAFKA_PREFIX": f"compose-{uuid.uuid4().hex[:12]}.",
        "DRIFTLOG_WORKER_HOST": "127.0.0.1",  # tests are on the loopback
        "DRIFTLOG_WORKER_PORT": "0",
    }
    if broker.kind == "embedded":
        held = load_settings(environ={**settings, "DRIFTLOG_KAFKA": broker.bootstrap})
        broker.create_topics(worker_topics(held))
    image = Image(folder, broker.bootstrap, settings)
    image.seal()
    yield image
    image.unseal()


@pytest.fixture
def image(broker: Broker, tmp_path: Path) -> Iterator[Image]:
    """The image beside either kind of broker."""
    with _sealed(broker, tmp_path) as sealed:
        yield sealed


@pytest.fixture
def image_alone(driftlog_broker: EmbeddedBroker, tmp_path: Path) -> Iterator[Image]:
    """The image, for what does not depend on the broker."""
    with _sealed(driftlog_broker, tmp_path) as sealed:
        yield sealed


def _well(image: Image, service: str, container: Container) -> None:
    """Wait until the healthcheck of the file says that a service is well."""
    deadline = time.monotonic() + _DEADLINE_S
    while (done := image.probe(service, container.url)).returncode:
        assert "answers 503" in done.stderr, done.stderr + container.output
        assert time.monotonic() < deadline, done.stderr + container.output
        time.sleep(0.5)


def test_topics_are_made_and_a_worker_gets_well_and_writes_below_tmp_alone(image: Image) -> None:
    before = image.files()
    with image.running("topics") as topics:
        assert topics.ended() == 0, topics.output
    with image.running("worker") as worker:
        _well(image, "worker", worker)
        metrics = httpx.get(f"{worker.url}/metrics")  # as Prometheus asks, without credentials
        assert metrics.status_code == 200 and "driftlog_ready 1.0" in metrics.text
        rebound = httpx.get(f"{worker.url}/metrics", headers={"Host": "evil.example"})
        assert rebound.status_code == 400
        written = {path.name for path in image.tmp.iterdir()}
        assert "numba" in written  # compiled once a container, not once a call
        assert all(name == "numba" or name.startswith("driftlog-") for name in written)
        assert worker.stop() == 0, worker.output
    assert image.files() == before
    assert "Traceback" not in worker.output and "Permission" not in worker.output
    assert {path.name for path in image.tmp.iterdir()} == {"numba"}  # it cleans up behind itself


def test_the_service_answers_with_the_model_of_the_image_and_is_watched(image_alone: Image) -> None:
    trained = image_alone.run(["python", "-m", "compose.trained"])
    assert trained.returncode == 0, trained.stderr
    with image_alone.running("api") as api:
        _well(image_alone, "api", api)
        said = httpx.post(f"{api.url}/predict", json={"origin": "JFK"}, timeout=60).json()
        assert said["event_id"]  # is on its way to the log
        assert json.dumps(said["version"]).strip('"') in trained.stdout  # read, not trained anew
        assert api.stop() == 0, api.output
    assert "Traceback" not in api.output and "cannot be written" not in api.output


def test_the_console_is_well_and_leads_to_the_runbooks(image_alone: Image) -> None:
    with image_alone.running("console") as console:
        _well(image_alone, "console", console)
        assert httpx.get(f"{console.url}/").status_code == 200
        assert "Watchdog" in httpx.get(f"{console.url}/runbooks/Watchdog").text
        assert console.stop() == 0, console.output
    assert "Traceback" not in console.output


def test_the_probe_says_why_a_server_is_not_well(image_alone: Image) -> None:
    for url, why in (
        ("http://127.0.0.1:1/readyz", "does not answer"),
        ("file:///etc/passwd", "no URL of http"),
    ):
        done = image_alone.run(["python", "-m", "compose.probe", url])
        assert done.returncode == 1 and why in done.stderr and "Traceback" not in done.stderr


def test_a_container_may_write_below_tmp_and_nowhere_else(image_alone: Image) -> None:
    assert image_alone.run(["python", "-c", "open('stream/new.py', 'w')"]).returncode == 1
    assert image_alone.run(["python", "-c", "open('stream/app.py', 'a')"]).returncode == 1
    below = "import tempfile; tempfile.NamedTemporaryFile()"
    assert image_alone.run(["python", "-c", below]).returncode == 0

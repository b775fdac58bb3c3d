"""TLS and SASL: every client of the project works with them, and says what is wrong without."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from driftlog.capture import Capture
from driftlog.cli import main
from driftlog.records import ReferenceProfile
from driftlog.settings import load_settings
from driftlog.testing.events import EventFactory
from stream.verify import verify
from tests.e2e.deployment import deployed
from tests.e2e.event_log import writing
from tests.e2e.secured_kafka import NOBODY, PASSWORD, SecuredKafka, secured_kafka
from tests.e2e.synthetic import SyntheticLog

pytestmark = pytest.mark.kafka
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    with secured_kafka(tmp_path_factory.mktemp("secured")) as kafka:
        yield kafka


def run(environ: dict[str, str], *arguments: str) -> Result:
    """Run a command; what it said must not hold the password."""
    done = CliRunner().invoke(main, arguments, env=environ, prog_name="driftlog")
    assert PASSWORD not in done.output
    return done


def assert_no_secret(folder: Path) -> None:
    logs = [file.read_text() for file in folder.glob("*.log")]
    assert logs and all(PASSWORD not in text for text in logs)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
async def test_the_whole_path_with_a_password(
    secured: SecuredKafka,
    tmp_path: Path,
    log: SyntheticLog,
    profiles: list[ReferenceProfile],
    mechanism: str,
) -> None:
    async with deployed(secured, tmp_path, profiles, **secured.settings(mechanism)) as deployment:
        capture = Capture(deployment.settings, model="m", version="1")
        async with capture:
            capture.log({"distance": 1.0}, correlation_id="first")
        assert capture.counts.dropped == 0
        async with writing(deployment.settings) as events:
            await events.write(log.records())
            await events.close(log.end_ms)
        await deployment.start("--log-level", "debug")  # at which aiokafka writes requests out
        await deployment.closed(log.end_ms)
        assert deployment.told.alerts, "worker: events in, alerts out"
        report = await verify(deployment.settings, "columns")
        assert not report.differences
        environ = secured.environ(mechanism) | {
            "DRIFTLOG_KAFKA_PREFIX": deployment.settings.kafka.prefix
        }
    assert_no_secret(tmp_path)
    events_file = tmp_path / "events.jsonl"
    events_file.write_bytes(b"\n".join(EventFactory(seed=1).json() for _ in range(3)))
    for arguments, said in (
        (("alerts", "tail", "--once", "--from", "beginning"), "sd"),
        (("reference", "show"), profiles[0].model),
        (("replay", str(events_file), "--speed", "max"), "3"),
        (("deadletter", "list"), "dead letter"),
        (("doctor",), "broker"),
        (("topics", "check"), "exists"),
    ):
        done = await asyncio.to_thread(run, environ, *arguments)
        assert said in done.output, (arguments, done.output)


@pytest.mark.parametrize(
    ("mechanism", "arguments"),
    [
        *((mechanism, ("topics", "check")) for mechanism in MECHANISMS),
        ("PLAIN", ("alerts", "tail", "--once")),
        ("PLAIN", ("deadletter", "list")),
        ("PLAIN", ("doctor",)),
    ],
)
def test_a_wrong_password_is_named(
    secured: SecuredKafka, mechanism: str, arguments: tuple[str, ...]
) -> None:
    done = run(secured.environ(mechanism, password="wrong"), *arguments)
    assert done.exit_code in (1, 3), done.output
    assert "kafka.sasl_username" in done.output and "kafka.sasl_password" in done.output
    assert "Traceback" not in done.output


def test_an_unknown_authority_is_named(secured: SecuredKafka) -> None:
    environ = secured.environ("PLAIN")
    del environ["DRIFTLOG_KAFKA_SSL_CAFILE"]
    done = run(environ, "topics", "check")
    assert done.exit_code == 3
    assert "kafka.ssl_cafile" in done.output


def test_a_client_without_rights_is_told_of_what(secured: SecuredKafka) -> None:
    secured.create_topic("t.deadletter", 1)
    environ = secured.environ("PLAIN", user=NOBODY) | {"DRIFTLOG_KAFKA_PREFIX": "t."}
    done = run(environ, "deadletter", "list")
    assert done.exit_code == 3
    assert "t.deadletter" in done.output and NOBODY in done.output
    assert "may not" in done.output


def test_secrets_are_not_shown_with_the_settings(secured: SecuredKafka) -> None:
    settings = load_settings(environ=secured.environ("PLAIN"))
    assert PASSWORD not in repr(settings)
    assert run(secured.environ("PLAIN"), "settings").exit_code == 0

"""No secret is in what any command says, writes to its log, or tells over HTTP."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import pytest

from driftlog.settings import CATALOGUE, load_settings
from driftlog.testing.embedded import EmbeddedBroker
from stream.topics import worker_topics
from tests.cli.started_worker import DEADLINE_S, started_worker

ROOT: Final = Path(__file__).resolve().parents[2]
MARK: Final = "hunter2"  # in every secret of these tests, and nowhere else
SECRETS: Final = {
    entry.variable: f"{MARK}-{entry.name}-unmistakable".replace("_", "-")
    for entry in CATALOGUE.values()
    if entry.secret
}
TOKEN: Final = SECRETS["DRIFTLOG_HTTP_TOKENS"]
BESIDE: Final = {
    "DRIFTLOG_HTTP_USERNAME": "ops",
    "DRIFTLOG_CAPTURE_HASH": "passenger",
    "DRIFTLOG_KAFKA_SASL_USERNAME": "monitor",
    # No secret by itself, but an address can hold one.
    "DRIFTLOG_FORWARD_ALERTMANAGER": f"http://me:{MARK}-in-a-url@127.0.0.1:9093",
}
NOBODY: Final = "127.0.0.1:1"
# What people paste where an address is asked for.
PASTED: Final = {
    "url": f"SASL_SSL://me:{MARK}-in-a-url@kafka-1:9092",
    "user": f"me:{MARK}-in-a-url@kafka-1:9092",
    "jaas": "org.apache.kafka.common.security.plain.PlainLoginModule required "
    f'username="me" password="{MARK}-in-jaas";',
}
READING: Final = (
    ("doctor",),
    ("doctor", "--json"),
    ("topics", "check"),
    ("alerts", "tail", "--once"),
    ("deadletter", "list"),
    ("reference", "show"),
    ("verify",),
    ("state", "reset", "--yes"),
)


def said_by(environment: Mapping[str, str], *arguments: str) -> str:
    """What a command says, and how it ended; on both of its streams."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("DRIFTLOG_")}
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "ignore", "-m", "driftlog", *arguments],
        cwd=ROOT,
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return f"{done.stdout}{done.stderr}exit {done.returncode}"


def test_there_are_the_secrets_that_these_tests_know() -> None:
    assert set(SECRETS) == {
        "DRIFTLOG_KAFKA_SASL_PASSWORD",
        "DRIFTLOG_CAPTURE_HASH_KEY",
        "DRIFTLOG_HTTP_TOKENS",
        "DRIFTLOG_HTTP_PASSWORD",
        "DRIFTLOG_FORWARD_WEBHOOK",
        "DRIFTLOG_FORWARD_SLACK",
    }
    for entry in CATALOGUE.values():  # and whoever adds one must name it so
        hint = ("secret", "password", "token", "key")
        assert entry.secret or not any(word in entry.name for word in hint), entry.key


@pytest.mark.parametrize("arguments", [("settings",), *READING], ids=" ".join)
def test_no_command_shows_a_secret_when_the_broker_is_away(arguments: tuple[str, ...]) -> None:
    environment = {
        **SECRETS,
        **BESIDE,
        "DRIFTLOG_KAFKA": NOBODY,
        "DRIFTLOG_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
    }
    said = said_by(environment, *arguments)
    assert MARK not in said
    assert "(secret)" in said if arguments == ("settings",) else "exit 0" not in said


@pytest.mark.parametrize("pasted", PASTED.values(), ids=PASTED)
def test_an_address_with_a_password_in_it_is_refused_unseen(pasted: str, tmp_path: Path) -> None:
    for arguments in (("worker", "--port", "0", "--log-level", "debug"), *READING[:4]):
        said = said_by({}, *arguments, "--kafka", pasted)
        assert MARK not in said
        assert "kafka.bootstrap" in said
    assert MARK not in said_by({"DRIFTLOG_KAFKA": pasted}, "settings")
    assert MARK not in said_by({"DRIFTLOG_KAFKA_URL": pasted}, "settings")
    config = tmp_path / "driftlog.toml"
    config.write_text(f"[kafka]\nsasl_jaas_config = '{pasted}'\nurl = '{pasted}'\n")
    assert MARK not in said_by({}, "settings", "--config", str(config))


def test_a_password_in_the_url_of_a_service_is_not_repeated(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"a": 1}\n{"a": 2}\n')
    for to in (f"http://me:{MARK}@{NOBODY}", f"ftp://me:{MARK}@{NOBODY}", f"me:{MARK}@{NOBODY}"):
        said = said_by({}, "replay", str(rows), "--to", to, "--speed", "max")
        assert MARK not in said
        assert "exit 0" not in said


@contextmanager
def broker_with_topics() -> Iterator[dict[str, str]]:
    """Settings of a worker on a broker of the test's own, with every secret set."""
    with EmbeddedBroker() as broker:
        environment = {
            **SECRETS,
            **BESIDE,
            "DRIFTLOG_KAFKA": broker.bootstrap,
            "DRIFTLOG_KAFKA_PREFIX": "secrets.",
            "DRIFTLOG_WORKER_SESSION_TIMEOUT": "6s",
        }
        broker.create_topics(worker_topics(load_settings(Path(os.devnull), environment)))
        yield environment


def test_a_worker_at_its_most_talkative_tells_no_secret_in_log_gauges_or_answers() -> None:
    with (
        broker_with_topics() as environment,
        started_worker(environment, "--log-level", "debug") as worker,
    ):
        bearer = {"authorization": f"Bearer {TOKEN}"}

        def ready() -> bool:
            return httpx.get(f"{worker.url}/readyz", headers=bearer, timeout=30).is_success

        worker.until(ready, "a worker that is ready")
        for headers in (bearer, {}, {"authorization": f"Bearer {MARK}-guessed"}):
            for path in ("/metrics", "/readyz", "/livez", f"/{MARK}-path?token={MARK}-query"):
                answer = httpx.get(f"{worker.url}{path}", headers=headers, timeout=30)
                assert MARK not in f"{answer.text} {answer.headers}"
        said = "".join(said_by(environment, *arguments) for arguments in READING[:6])
        assert MARK not in said
        worker.signal()
        assert worker.ended(DEADLINE_S) == 0
        assert len(worker.lines) > 100  # it was talkative
        assert MARK not in worker.output


def test_a_worker_that_cannot_authenticate_tells_no_secret() -> None:
    environment = {
        **SECRETS,
        **BESIDE,
        "DRIFTLOG_KAFKA": NOBODY,
        "DRIFTLOG_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "DRIFTLOG_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
    }
    with started_worker(environment, "--log-level", "debug") as worker:
        worker.says("waiting: no broker answers")
        bearer = {"authorization": f"Bearer {TOKEN}"}
        assert MARK not in httpx.get(f"{worker.url}/readyz", headers=bearer, timeout=30).text
        worker.signal()
        assert worker.ended(DEADLINE_S) == 0
        assert MARK not in worker.output

"""The pytest plugin, as other people's tests see it, and what this suite leaves out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from driftlog.testing.embedded import EmbeddedBroker
from driftlog.testing.topic_factory import TopicFactory
from driftlog.topics import ensure_topics

ROOT = Path(__file__).parents[2]
ONE_BEHAVIOUR = ["tests/kafka/test_broker.py", "-k", "beginning_and_end"]


def run_pytest(*arguments: str, path: str, cache: Path, **variables: str) -> tuple[int, str]:
    """Run pytest as on a machine with that PATH and nothing cached."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("PYTEST", "DRIFTLOG")) and key != "CI"
    }
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", *arguments],
        cwd=ROOT,
        env=kept | {"PATH": path, "XDG_CACHE_HOME": str(cache)} | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    return run.returncode, run.stdout + run.stderr


async def test_the_fixtures_give_topics_of_the_tests_own(
    driftlog_broker: EmbeddedBroker, driftlog_topic: TopicFactory
) -> None:
    name = driftlog_topic("events", 2)
    assert name.startswith(driftlog_topic.prefix)
    specs = TopicFactory(driftlog_broker, "another test").catalogue()
    results = await ensure_topics(driftlog_broker.bootstrap, specs)
    assert {result.outcome for result in results} == {"exists"}
    assert name not in {spec.name for spec in specs}


def test_the_longest_test_name_still_makes_a_legal_prefix(driftlog_broker: EmbeddedBroker) -> None:
    prefix = TopicFactory(driftlog_broker, "ü [" + "x" * 300).prefix
    assert len(prefix) <= 40
    assert TopicFactory(driftlog_broker, "").specs()


def test_a_client_alone_can_load_the_plugin() -> None:
    code = (
        "import sys, driftlog.testing.plugin\n"
        "loaded = {'aiokafka', 'confluent_kafka', 'numpy', 'faust'} & sys.modules.keys()\n"
        "sys.exit(str(loaded) if loaded else 0)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("workers", [[], ["-n", "2"]])
def test_without_java_one_line_says_what_was_left_out(workers: list[str], tmp_path: Path) -> None:
    code, said = run_pytest(*ONE_BEHAVIOUR, *workers, path=str(tmp_path), cache=tmp_path)
    assert code == 0, said
    assert "1 passed" in said
    lines = [line for line in said.splitlines() if line.startswith("Left out:")]
    assert len(lines) == 1, said
    assert lines[0].startswith(
        "Left out: the tests on a real Apache Kafka (1), since there is no java on the PATH"
    )


def test_in_ci_a_missing_kafka_is_a_failure(tmp_path: Path) -> None:
    code, said = run_pytest(*ONE_BEHAVIOUR, path=str(tmp_path), cache=tmp_path, CI="true")
    assert code == 1, said
    assert "Apache Kafka cannot run here: there is no java on the PATH" in said
    assert "Left out" not in said


def test_an_old_java_does_not_count_as_one(tmp_path: Path) -> None:
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    java.chmod(0o755)
    code, said = run_pytest(*ONE_BEHAVIOUR, path=str(tmp_path), cache=tmp_path)
    assert code == 0, said
    assert "java on the PATH is 11 (Java 17 or later is needed)" in said

"""The topic catalogue and the partitioner."""

from __future__ import annotations

import pytest
from aiokafka.partitioner import murmur2 as aiokafka_murmur2
from hypothesis import given
from hypothesis import strategies as st

from driftlog.errors import InputError
from driftlog.topics import CATALOGUE, murmur2, partition_of, topic_specs

DAY_MS = 86_400_000


@given(st.binary(max_size=80))
def test_the_hash_is_aiokafkas(key: bytes) -> None:
    assert murmur2(key) == aiokafka_murmur2(key)


@pytest.mark.parametrize(
    ("key", "signed"),
    # From UtilsTest.testMurmur2 of kafka-clients.
    [(b"21", -973932308), (b"foobar", -790332482), (b"a-little-bit-long-string", -985981536)],
)
def test_the_hash_is_javas(key: bytes, signed: int) -> None:
    assert murmur2(key) == signed & 0xFFFFFFFF


@given(st.binary(max_size=40), st.integers(1, 1024))
def test_a_key_always_has_a_partition(key: bytes, partitions: int) -> None:
    assert 0 <= partition_of(key, partitions) < partitions


def test_a_label_meets_its_event() -> None:
    specs = {spec.name: spec for spec in topic_specs("", event_partitions=6)}
    assert specs["events"].partitions == specs["labels"].partitions == 6


def test_each_changelog_has_as_many_partitions_as_what_its_table_is_fed_from() -> None:
    specs = {
        spec.name: spec.partitions
        for spec in topic_specs(
            "p.", column_partitions=16, verdict_partitions=2, app_id="app", monitor_table="m"
        )
    }
    assert specs["app-m-changelog"] == specs["p.columns"] == 16
    assert specs["app-incidents-changelog"] == specs["p.verdicts"] == 2


def test_the_settings_that_the_promises_rest_on() -> None:
    settings = {spec.name: spec.settings() for spec in topic_specs("", app_id="a")}
    for name in ("events", "labels"):  # else a row from the future cannot be told
        assert settings[name]["message.timestamp.type"] == "LogAppendTime"
        assert settings[name]["cleanup.policy"] == "delete"
    for name in ("verdicts", "alerts"):  # a reader that was away a week misses nothing
        assert settings[name]["cleanup.policy"] == "compact,delete"
        assert int(settings[name]["min.compaction.lag.ms"]) == 7 * DAY_MS
    for name in ("references", "a-monitor-changelog", "a-incidents-changelog"):
        assert settings[name]["cleanup.policy"] == "compact"  # age must not make holes
        assert "retention.ms" not in settings[name]
    assert int(settings["deadletter"]["max.message.bytes"]) > int(
        settings["events"]["max.message.bytes"]
    )


def test_every_topic_has_a_purpose_and_a_name_of_its_own() -> None:
    assert all(spec.purpose for spec in CATALOGUE)
    names = [spec.name for spec in topic_specs()]
    assert len(names) == len(set(names)) == len(CATALOGUE) + 2
    assert sum(name.startswith("driftlog.") for name in names) == len(CATALOGUE)


@pytest.mark.parametrize("prefix", ["a b.", "ü.", "x" * 250])
def test_a_prefix_that_kafka_would_refuse_is_refused_by_its_name(prefix: str) -> None:
    with pytest.raises(InputError, match="not legal in Kafka"):
        topic_specs(prefix)


def test_no_partitions_are_refused() -> None:
    with pytest.raises(InputError, match=r"driftlog\.columns needs 1 partition or more, not 0"):
        topic_specs(column_partitions=0)

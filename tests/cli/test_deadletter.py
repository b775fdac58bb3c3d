"""``driftlog deadletter``: letters told apart, judged by the settings of now, sent again."""

from __future__ import annotations

import orjson
import pytest

from driftlog.decode import Rejection, decode_event
from driftlog.records import Reason
from driftlog.testing.events import EventFactory
from stream.decoded import DeadLetter
from stream.topics import worker_topics
from tests.cli.installation import Installation

BAD = b"{not json \x1b[31m"
LARGE = EventFactory(seed=1).json(inputs={"note": "x" * 2_000})
SMALL_LIMIT = {"DRIFTLOG_STREAM_MAX_EVENT_BYTES": "1500"}


def put(there: Installation, raw: bytes | None, offset: int, source: str = "events") -> None:
    """Put a letter there just as a worker does."""
    found = decode_event(raw, max_bytes=1_500)
    reason, detail = (
        (found.reason, found.detail) if isinstance(found, Rejection) else (Reason.FUTURE, "")
    )
    letter = DeadLetter(raw, b"key", reason, detail, there.prefix + source, 1, offset)
    there.send(there.prefix + "deadletter", [(0, b"key", raw)], letter.headers())


@pytest.fixture
def letters(installation: Installation) -> Installation:
    """Three letters: no JSON, one that was too large for the limit of then, a bad label."""
    installation.broker.create_topics(worker_topics(installation.settings))
    put(installation, BAD, 7)
    put(installation, LARGE, 8)
    put(installation, b"[]", 9, "labels")
    return installation


def test_letters_are_counted_by_reason_and_named(letters: Installation) -> None:
    done = letters.run("deadletter", "list")
    assert done.exit_code == 0, done.output
    for reason in (Reason.NOT_JSON, Reason.OVERSIZE, Reason.NOT_OBJECT):
        assert done.stdout.count(reason.value) == 1
    assert "\x1b" not in done.stdout, "what a letter holds moves no cursor"
    each = letters.run("deadletter", "list", "--each", "--reason", "oversize").stdout
    assert "0:1" in each and "0:0" not in each
    told = [
        orjson.loads(x) for x in letters.run("deadletter", "list", "--json").stdout.splitlines()
    ]
    assert [(x["letter"], x["offset"]) for x in told] == [("0:0", 7), ("0:1", 8), ("0:2", 9)]
    assert letters.run("deadletter", "list", "--from", "2999-01-01").stdout.startswith("No dead")


def test_one_is_shown_whole(letters: Installation) -> None:
    done = letters.run("deadletter", "show", "0:0")
    assert "not_json" in done.stdout and "{not json" in done.stdout
    assert f"{letters.prefix}events, partition 1, offset 7" in done.stdout
    assert "still not_json" in done.stdout
    assert letters.run("deadletter", "show", "0:0", "--raw").stdout_bytes == BAD
    assert "would be taken" in letters.run("deadletter", "show", "0:1").stdout
    assert "still oversize" in letters.run("deadletter", "show", "0:1", **SMALL_LIMIT).stdout


def test_an_unknown_place_is_named(letters: Installation) -> None:
    done = letters.run("deadletter", "show", "3:9")
    assert done.exit_code == 2
    assert "'3:9'" in done.stderr and "list --each" in done.stderr


def test_what_was_mended_is_sent_once_as_it_was(letters: Installation) -> None:
    events = letters.prefix + "events"
    before = letters.run("deadletter", "replay", "--yes", **SMALL_LIMIT)
    assert "0 of 3 letters can be sent" in before.stdout
    assert "still oversize" in before.stdout and "still not_json" in before.stdout
    assert letters.read(events) == []

    dry = letters.run("deadletter", "replay", "--dry-run")
    assert "1 of 3 letters can be sent" in dry.stdout
    assert letters.run("deadletter", "replay", answer="n\n").exit_code == 1
    assert letters.read(events) == []

    assert "1 sent" in letters.run("deadletter", "replay", "--yes").stdout
    assert letters.read(events) == [(1, b"key", LARGE)]
    assert "0 of 2 letters" in letters.run("deadletter", "replay", "--yes").stdout
    assert "0:1" not in letters.run("deadletter", "list", "--each").stdout
    assert "(sent again)" in letters.run("deadletter", "list", "--each", "--all").stdout
    assert "1 sent" in letters.run("deadletter", "replay", "0:1", "--all", "--yes").stdout
    assert len(letters.read(events)) == 2


def test_a_letter_too_late_to_be_judged_stays_unless_asked_for(letters: Installation) -> None:
    old = orjson.loads(LARGE)["ts_ms"]
    newer = EventFactory(seed=2).event(ts_ms=old + 60_000)
    letters.send(letters.prefix + "events", [(0, b"k", orjson.dumps(newer))])
    done = letters.run("deadletter", "replay", "0:1", "--yes")
    assert "late by 55 s" in done.stdout and "0 of 1 letters" in done.stdout
    assert "1 sent" in letters.run("deadletter", "replay", "0:1", "--late", "--yes").stdout


def test_a_letter_that_was_cut_is_not_sent_again(letters: Installation) -> None:
    large = b"x" * 2_000_000
    letter = DeadLetter(large, b"key", Reason.OVERSIZE, "", letters.prefix + "events", 1, 9)
    letters.send(letters.prefix + "deadletter", [(0, b"key", large[:10])], letter.headers())
    assert "cut, it had 2000000 bytes" in letters.run("deadletter", "show", "0:3").stdout
    done = letters.run("deadletter", "replay", "0:3", "--yes")
    assert "only its beginning is here" in done.stdout and "0 of 1 letters" in done.stdout


def test_a_topic_that_is_missing_is_not_one_without_letters(installation: Installation) -> None:
    done = installation.run("deadletter", "list")
    if installation.broker.kind == "kafka":
        assert done.exit_code == 3
        assert "the topic is not there; 'driftlog topics create' makes it" in done.stderr
    else:  # it makes a topic that is asked for
        assert "No dead letters" in done.stdout

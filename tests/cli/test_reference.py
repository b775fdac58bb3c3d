"""``driftlog reference`` as a person types it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest
from aiokafka import AIOKafkaProducer
from click.testing import CliRunner, Result

from driftlog.cli import main
from driftlog.records import (
    ACTION,
    ALERT,
    EVENT,
    REFERENCE,
    Alert,
    AlertStatus,
    Because,
    Decision,
    Event,
    Onset,
    Outputs,
    ReferenceProfile,
    Severity,
)
from driftlog.settings import KafkaSettings, Settings
from driftlog.testing.cluster import Broker
from driftlog.testing.topic_factory import TopicFactory
from stream.references import read_references
from stream.topic_end import read_to_end, reader

ROWS = 400


def rows(count: int = ROWS) -> list[dict[str, object]]:
    rng = np.random.default_rng(4)
    return [
        {
            "when": 1_000 + i // 3,
            "id": f"row-{i}",
            "dist": round(float(rng.normal(1000, 200)), 3),
            "code": int(rng.integers(0, 3)),
            "carrier": str(rng.choice(["UA", "AA"])),
            "late": "yes" if i % 3 else "no",
        }
        for i in range(count)
    ]


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "flights.csv"
    table = rows()
    path.write_text(
        "\n".join([",".join(table[0]), *(",".join(map(str, r.values())) for r in table)])
    )
    return path


def run(*words: object, ok: bool = True) -> Result:
    result = CliRunner().invoke(main, ["reference", *map(str, words)])
    assert (result.exit_code == 0) is ok, result.output
    return result


def built(csv: Path, out: Path, *more: str) -> ReferenceProfile:
    run("build", csv, "--model", "m", "--time", "when", "--prediction", "late", *more, "--out", out)
    return REFERENCE.decode(out.read_bytes())


def test_a_profile_is_built_from_a_file_and_says_what_it_leaves_out(
    csv: Path, tmp_path: Path
) -> None:
    out = tmp_path / "ref.json"
    result = run(
        "build", csv, "--model", "m", "--time", "when", "--prediction", "late", "--out", out
    )
    profile = REFERENCE.decode(out.read_bytes())
    assert "not watched: id: identifiers: " in result.stderr
    assert profile.reference_id in result.stderr
    assert [one.signal for one in profile.signals] == [
        "carrier",
        "code",
        "dist",
        "prediction",
        "error",
    ]
    assert profile.rate == pytest.approx(3, abs=0.05)
    assert profile.source == "flights.csv"


def test_types_include_exclude_and_rows_are_heeded(csv: Path, tmp_path: Path) -> None:
    chosen = built(csv, tmp_path / "a.json", "--type", "code=category", "--exclude", "carrier")
    assert {one.signal: one.type for one in chosen.signals}["code"] == "category"
    assert "carrier" in chosen.excluded
    only = built(csv, tmp_path / "b.json", "--include", "dist,id", "--rows", "100:300")
    assert [one.signal for one in only.signals if one.role == "input"] == ["dist", "id"]
    assert only.rows == 200
    assert only.source == "flights.csv, rows 100:300"


def test_it_goes_to_standard_output_or_to_a_file_named_by_the_model(
    csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run("build", csv, "--out", "-")
    assert REFERENCE.decode(result.stdout_bytes).model == "model"
    monkeypatch.chdir(tmp_path)
    run("build", csv, "--model", "a/b", "--version", "2")
    assert (tmp_path / "a_b@2.reference.json").is_file()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nowhere.csv"], "nowhere.csv"),
        (["FILE", "--time", "whem"], "did you mean 'when'"),
        (["FILE", "--exclude", "carier"], "did you mean 'carrier'"),
        (["FILE", "--type", "code=integer"], "--type holds 'code=integer'"),
        (["FILE", "--rows", "7"], "--rows holds '7'"),
        (["FILE", "--rows", "0:5"], "30 rows or more, not 5"),
        (["FILE", "--rows", "9000:"], "no rows in that range"),
        (["FILE", "--out", "no/such/folder/x.json"], "no/such/folder/x.json"),
        ([], "either FILE or --span"),
        (["--span", "start", "now"], "--model and --version"),
    ],
)
def test_a_slip_is_answered_with_what_is_wrong_and_what_may_be(
    csv: Path, words: list[str], says: str
) -> None:
    words = [str(csv) if word == "FILE" else word for word in words]
    result = run("build", *words, ok=False)
    assert says in result.output
    assert "Traceback" not in result.output


def test_a_file_of_events_of_several_versions_needs_one_named(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    path.write_bytes(b"\n".join(EVENT.encode(event(i, version=str(i % 2))) for i in range(200)))
    assert "m 0, m 1" in run("build", path, ok=False).output
    out = tmp_path / "one.json"
    run("build", path, "--version", "1", "--out", out)
    found = REFERENCE.decode(out.read_bytes())
    assert (found.model, found.version, found.rows) == ("m", "1", 100)
    assert found.rate > 0


def test_show_has_a_line_for_every_signal_and_every_column_left_out(
    csv: Path, tmp_path: Path
) -> None:
    out = tmp_path / "ref.json"
    profile = built(csv, out)
    shown = run("show", out).stdout
    for one in profile.signals:
        assert any(line.split()[:1] == [one.signal] for line in shown.splitlines())
    assert "UA" in shown and "±" in shown and "█" in shown
    assert "not watched: id" in shown
    assert json.loads(run("show", out, "--json").stdout)["reference_id"] == profile.reference_id


def test_a_profile_changed_by_hand_or_damaged_is_refused(csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "ref.json"
    built(csv, out)
    held = json.loads(out.read_text())
    out.write_text(json.dumps({**held, "rows": 7}))
    assert "changed after it was built" in run("show", out, ok=False).output
    out.write_text("{}")
    assert "cannot be read as a reference" in run("show", out, ok=False).output
    assert "nothing.json" in run("show", "nothing.json", ok=False).output


# ---- on a broker


@pytest.fixture
def settings(broker: Broker, topic: TopicFactory, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in ("events", "references", "alerts", "actions"):
        topic(name, 2)
    monkeypatch.setenv("DRIFTLOG_KAFKA_BOOTSTRAP", broker.bootstrap)
    monkeypatch.setenv("DRIFTLOG_KAFKA_PREFIX", topic.prefix)
    return Settings(kafka=KafkaSettings(bootstrap=broker.bootstrap, prefix=topic.prefix))


def event(number: int, version: str = "1", shift: float = 0.0) -> Event:
    return Event(
        event_id=f"e{number}",
        correlation_id=f"c{number}",
        ts_ms=1_700_000_000_000 + 100 * number,
        model="m",
        version=version,
        inputs={"x": shift + number % 37, "c": "ab"[number % 2]},
        outputs=Outputs(confidence=0.5 + (number % 7) / 20),
    )


def send(settings: Settings, topic: str, records: list[tuple[str, bytes]]) -> None:
    async def produce() -> None:
        async with AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap) as producer:
            sent = [
                await producer.send(settings.kafka.prefix + topic, value, key=key.encode())
                for key, value in records
            ]
            await asyncio.gather(*sent)

    asyncio.run(produce())


def send_events(settings: Settings, events: list[Event]) -> None:
    send(settings, "events", [(one.correlation_id, EVENT.encode(one)) for one in events])


def history(settings: Settings, version: str = "1") -> tuple[ReferenceProfile, ...]:
    return asyncio.run(read_references(settings.kafka)).history("m", version)


def test_the_first_reference_holds_from_the_start_and_the_next_after_the_newest_event(
    settings: Settings, csv: Path, tmp_path: Path
) -> None:
    first = built(csv, tmp_path / "1.json", "--version", "1")
    second = built(csv, tmp_path / "2.json", "--version", "1", "--exclude", "code")
    run("set", tmp_path / "1.json")
    assert [one.effective_from_ms for one in history(settings)] == [0]
    send_events(settings, [event(i) for i in range(7)])
    run("set", tmp_path / "2.json")
    run("set", tmp_path / "2.json")  # once more changes nothing
    found = history(settings)
    assert [one.reference_id for one in found] == [first.reference_id, second.reference_id]
    assert found[1].effective_from_ms == 1_700_000_010_000  # the pane after the newest event

    run("set", tmp_path / "1.json", "--effective-from", "2030-01-01T00:00:00Z")
    back = history(settings)
    assert len(back) == 3 and back[:2] == found  # what was written before stays as it was
    assert back[2].effective_from_ms == 1_893_456_000_000
    assert back[2].signals == first.signals
    shown = run("show").stdout
    assert all(one.reference_id in shown for one in back)
    assert back[2].reference_id in run("show", "m@1").stdout
    assert first.reference_id in run("show", f"m@1@{first.reference_id}").stdout
    assert "there are m@1" in run("show", "m@9", ok=False).output
    assert "no time" in run("set", tmp_path / "1.json", "--effective-from", "soon", ok=False).output


def test_a_span_of_the_log_gives_the_profile_of_its_events_alone(
    settings: Settings, tmp_path: Path
) -> None:
    send_events(settings, [event(i) for i in range(900)])
    send_events(settings, [event(i, version="2", shift=99.0) for i in range(100)])
    send(settings, "events", [("bad", b"not json")])
    start = 1_700_000_000_000
    span = ("--span", start + 10_000, start + 60_000, "--model", "m", "--version", "1")
    run("build", *span, "--publish", "--effective-from", "start")
    (found,) = history(settings)
    assert (found.rows, found.origin) == (500, "span")
    assert found.span_ms == (start + 10_000, start + 59_900)
    x = next(one for one in found.signals if one.signal == "x")
    assert (x.quantiles[0], x.quantiles[-1]) == (0, 36)
    empty = ("--span", start, start, "--model", "m", "--version", "1")
    assert "holds no time" in run("build", *empty, ok=False).output


def test_what_an_alert_shows_can_be_accepted_as_the_new_usual(settings: Settings) -> None:
    start = 1_700_000_000_000
    send_events(settings, [event(i, shift=0.0 if i < 400 else 50.0) for i in range(900)])
    send(settings, "alerts", [("a1", ALERT.encode(alert("a1", start + 40_000)))])
    run("accept", "m@1", "--alert", "a1", "--by", "ann")
    (found,) = history(settings)
    assert (found.rows, found.origin) == (500, "accepted")
    assert found.span_ms == (start + 40_000, start + 89_900)
    assert found.effective_from_ms == start + 90_000
    (action,) = [ACTION.decode(raw) for raw in values(settings, "actions")]
    assert (action.action, action.by, action.alert_id) == ("accept_reference", "ann", "a1")
    assert action.reference_id == found.reference_id

    run("accept", "m@1", "--from-ms", start, "--to-ms", start + 40_000)
    # Accepted before a further pane has begun, it must still be the one that comes after.
    assert [(one.rows, one.effective_from_ms - start) for one in history(settings)] == [
        (500, 90_000),
        (400, 100_000),
    ]
    assert "no alert 'zz'" in run("accept", "m@1", "--alert", "zz", ok=False).output
    assert "not of n@1" in run("accept", "n@1", "--alert", "a1", ok=False).output
    assert "--alert ID" in run("accept", "m@1", "--from-ms", 5, ok=False).output


def values(settings: Settings, topic: str) -> list[bytes]:
    async def read() -> list[bytes]:
        async with reader(settings.kafka, settings.kafka.prefix + topic) as consumer:
            return [r.value async for _, records in read_to_end(consumer) for r in records]

    return asyncio.run(read())


def alert(alert_id: str, onset_ms: int) -> Alert:
    return Alert(
        alert_id=alert_id,
        status=AlertStatus.FIRING,
        severity=Severity.WARNING,
        model="m",
        versions=("1",),
        series=("m@1/*",),
        title="x rose",
        signals=(),
        onset=Onset(ts_ms=onset_ms),
        opened_ms=onset_ms + 20_000,
        pane_end_ms=onset_ms + 20_000,
        window_ms=(onset_ms, onset_ms + 20_000),
        offsets={},
        decision=Decision.INVESTIGATE,
        because=Because(rule="share", drift_share=0.5, output_drifted=False, threshold=0.2),
        reference_id="r",
        config="c",
    )

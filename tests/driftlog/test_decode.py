"""The general path: what is an event, what is not, and what is said about it."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftlog.decode import MAX_TEXT, Rejection, decode_event, decode_label
from driftlog.errors import SettingsError
from driftlog.mapping import FieldMapping
from driftlog.records import EVENT, Event, Label, Nested, Outputs, Reason
from driftlog.settings import MappingSettings

PLAIN: dict[str, Any] = {
    "v": 1,
    "event_id": "e1",
    "correlation_id": "c1",
    "ts_ms": 1_732_100_000_123,
    "model": "flight-delay",
    "version": "3",
    "segment": "JFK",
    "inputs": {"distance": 1400.0, "carrier": "UA", "temp": None, "rain": False, "seats": 180},
    "outputs": {"prediction": "late", "confidence": 0.83, "scores": {"late": 0.83, "no": 0.17}},
    "latency_ms": 3.1,
    "status": "ok",
}
LABEL: dict[str, Any] = {
    "v": 1,
    "event_id": "e1",
    "correlation_id": "c1",
    "label": "on_time",
    "ts_ms": 1_732_110_000_000,
}


def event(**changes: Any) -> Event | Rejection:
    return decode_event(orjson.dumps(PLAIN | changes))


def taken(**changes: Any) -> Event:
    found = event(**changes)
    assert isinstance(found, Event), found
    return found


def refused(raw: bytes | None) -> Rejection:
    found = decode_event(raw)
    assert isinstance(found, Rejection), found
    return found


def test_an_event_is_read_with_all_its_fields() -> None:
    assert taken() == Event(
        event_id="e1",
        correlation_id="c1",
        ts_ms=1_732_100_000_123,
        model="flight-delay",
        version="3",
        segment="JFK",
        inputs=PLAIN["inputs"],
        outputs=Outputs(prediction="late", confidence=0.83, scores={"late": 0.83, "no": 0.17}),
        latency_ms=3.1,
    )


def test_a_failed_request_needs_no_outputs() -> None:
    raw = {k: v for k, v in PLAIN.items() if k != "outputs"} | {"status": "timeout"}
    found = decode_event(orjson.dumps(raw))
    assert isinstance(found, Event)
    assert (found.outputs, found.status) == (None, "timeout")


@pytest.mark.parametrize("field", ["segment", "role", "outputs", "latency_ms", "status"])
def test_a_null_is_the_same_as_an_absent_field(field: str) -> None:
    absent = decode_event(orjson.dumps({k: v for k, v in PLAIN.items() if k != field}))
    assert event(**{field: None}) == absent


def test_a_nested_input_costs_its_cell_and_not_the_event() -> None:
    found = taken(inputs={"a": [1, 2], "b": {"c": 1}, "d": 4})
    assert found.inputs == {"a": Nested(), "b": Nested(), "d": 4}
    again = decode_event(EVENT.encode(found))
    assert again == found


def test_unknown_fields_are_ignored_and_of_twice_the_same_key_the_last_counts() -> None:
    raw = orjson.dumps(PLAIN | {"new": {"deep": [1]}})[:-1] + b',"model":"other"}'
    found = decode_event(raw)
    assert isinstance(found, Event)
    assert found.model == "other"


@pytest.mark.parametrize(
    ("raw", "reason", "said"),
    [
        (None, Reason.NOT_JSON, "tombstone"),
        (b"", Reason.NOT_JSON, ""),
        (b"{", Reason.NOT_JSON, ""),
        (b"\xff\xfe", Reason.NOT_JSON, ""),
        (b'{"v": NaN}', Reason.NOT_JSON, ""),
        (b'{"v": Infinity}', Reason.NOT_JSON, ""),
        (b'{"v": 1e400}', Reason.NOT_JSON, ""),
        (b'{"v": "\\ud800"}', Reason.NOT_JSON, ""),
        (b'{"v": "\xed\xa0\x80"}', Reason.NOT_JSON, ""),
        (b"[" * 100_000, Reason.NOT_JSON, ""),
        (b'{"a":' * 100_000, Reason.NOT_JSON, ""),
        (b'{"v":' + b"1" * 5_000 + b"}", Reason.NOT_JSON, ""),
        (b"[1]", Reason.NOT_OBJECT, "an array"),
        (b'"text"', Reason.NOT_OBJECT, '"text"'),
        (b"null", Reason.NOT_OBJECT, "null"),
        (b"{}", Reason.MISSING_FIELD, "v is absent"),
        (b'{"v": null}', Reason.MISSING_FIELD, "v is null"),
        (b'{"v": 2}', Reason.UNKNOWN_VERSION, "2"),
        (b'{"v": 1.0}', Reason.WRONG_TYPE, "v holds 1.0"),
        (b'{"v": true}', Reason.WRONG_TYPE, "v holds true"),
        (b'{"v": 1} ' + b" " * 1_000_000, Reason.OVERSIZE, "1000009 bytes"),
    ],
)
def test_what_is_no_event_is_named(raw: bytes | None, reason: Reason, said: str) -> None:
    found = refused(raw)
    assert found.reason is reason
    assert said in found.detail


@pytest.mark.parametrize(
    "field", ["event_id", "correlation_id", "ts_ms", "model", "version", "inputs"]
)
def test_each_required_field_is_missed_by_name(field: str) -> None:
    found = refused(orjson.dumps({k: v for k, v in PLAIN.items() if k != field}))
    assert found.reason is Reason.MISSING_FIELD
    assert found.detail.startswith(field)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("event_id", 7),
        ("event_id", ""),
        ("correlation_id", "x" * (MAX_TEXT + 1)),
        ("model", "a\nb"),
        ("version", "a\x7fb"),
        ("version", 3),
        ("segment", "a\x85b"),
        ("segment", "*"),
        ("segment", ""),
        ("segment", 1),
        ("ts_ms", True),
        ("ts_ms", 1.0),
        ("ts_ms", "1732100000123"),
        ("ts_ms", -1),
        ("ts_ms", 2**53),
        ("inputs", [1]),
        ("inputs", "x"),
        ("outputs", []),
        ("latency_ms", "3"),
        ("latency_ms", False),
        ("status", 503),
        ("role", "canary"),
        ("role", ["live"]),
    ],
)
def test_a_mistyped_field_of_ours_rejects_the_event_by_name(field: str, value: Any) -> None:
    found = event(**{field: value})
    assert isinstance(found, Rejection)
    assert found.reason is Reason.WRONG_TYPE
    assert found.detail.startswith(f"{field} holds ")
    assert "may hold" in found.detail


@pytest.mark.parametrize(
    ("outputs", "field"),
    [
        ({"prediction": []}, "outputs.prediction"),
        ({"confidence": "high"}, "outputs.confidence"),
        ({"confidence": True}, "outputs.confidence"),
        ({"scores": [0.1]}, "outputs.scores"),
        ({"scores": {"late": None}}, "outputs.scores.late"),
        ({"scores": {"late": True}}, "outputs.scores.late"),
    ],
)
def test_a_mistyped_output_rejects_the_event_by_name(outputs: Any, field: str) -> None:
    found = event(outputs=outputs)
    assert isinstance(found, Rejection)
    assert (found.reason, found.detail.partition(" ")[0]) == (Reason.WRONG_TYPE, field)


@pytest.mark.parametrize("at", [0, 2**53 - 1])
def test_the_ends_of_time_are_taken(at: int) -> None:
    assert taken(ts_ms=at).ts_ms == at


def test_an_integer_beyond_doubles_precision_is_still_a_number() -> None:
    found = taken(inputs={"big": 2**63 + 1, "small": -(2**63)})
    assert found.inputs == {"big": 2**63 + 1, "small": -(2**63)}


@settings(deadline=None)
@given(secret=st.text(min_size=1))
def test_a_detail_is_short_printable_and_echoes_little(secret: str) -> None:
    found = event(model=secret * 300, segment="*")
    assert isinstance(found, Rejection)
    assert found.detail.isprintable()
    assert len(found.detail) < 250


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None)
@given(st.binary(max_size=64) | json_values.map(orjson.dumps))
def test_any_bytes_are_an_answer_and_never_a_crash(raw: bytes) -> None:
    assert isinstance(decode_event(raw), Rejection)
    assert isinstance(decode_label(raw), Rejection)


@settings(deadline=None)
@given(st.sampled_from(sorted(PLAIN)), json_values)
def test_any_value_in_any_field_is_an_event_that_encodes_or_a_rejection(
    field: str, value: Any
) -> None:
    found = event(**{field: value})
    if isinstance(found, Event):
        assert decode_event(EVENT.encode(found)) == found
    else:
        assert found.reason in Reason


def test_a_label_is_read() -> None:
    assert decode_label(orjson.dumps(LABEL)) == Label(
        event_id="e1", correlation_id="c1", label="on_time", ts_ms=1_732_110_000_000
    )
    full = LABEL | {
        "model": "m",
        "version": "3",
        "segment": "JFK",
        "prediction": "late",
        "prediction_ts_ms": 1_732_100_000_000,
    }
    found = decode_label(orjson.dumps(full))
    assert isinstance(found, Label)
    assert (found.model, found.prediction_ts_ms) == ("m", 1_732_100_000_000)


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"label": None}, Reason.MISSING_FIELD, "label"),
        ({"label": [1]}, Reason.WRONG_TYPE, "label"),
        ({"event_id": ""}, Reason.WRONG_TYPE, "event_id"),
        ({"ts_ms": 1.5}, Reason.WRONG_TYPE, "ts_ms"),
        ({"prediction": {}}, Reason.WRONG_TYPE, "prediction"),
        ({"prediction_ts_ms": -1}, Reason.WRONG_TYPE, "prediction_ts_ms"),
        ({"v": 9}, Reason.UNKNOWN_VERSION, "v"),
    ],
)
def test_a_bad_label_is_named(changes: Any, reason: Reason, field: str) -> None:
    found = decode_label(orjson.dumps(LABEL | changes))
    assert isinstance(found, Rejection)
    assert (found.reason, found.detail.partition(" ")[0]) == (reason, field)


def foreign(raw: Any, **settings: str) -> Event | Rejection:
    mapping = FieldMapping(msgspec.convert(settings, MappingSettings))
    return decode_event(orjson.dumps(raw), mapping=mapping, fallback_id="requests/2/17")


SERVING = {
    "requestId": 4711,
    "trace": {"id": "t-1"},
    "time": "2024-11-20T12:53:20.123+01:00",
    "deployment": {"name": "credit", "revision": 12},
    "payload": {"features": {"income": 1200, "job": "clerk", "tags": ["a"]}},
    "result": [{"class": "good", "probability": 0.91}],
    "http": {"status": 200},
    "elapsed": 12.5,
}
SERVING_PATHS = {
    "event_id": "requestId",
    "correlation_id": "trace.id",
    "ts": "time",
    "ts_unit": "iso",
    "model": "deployment.name",
    "version": "deployment.revision",
    "inputs": "payload.features",
    "prediction": "result.0.class",
    "confidence": "result.0.probability",
    "latency_ms": "elapsed",
    "status": "http.status",
}


def test_a_nested_foreign_format_gives_the_same_event() -> None:
    assert foreign(SERVING, **SERVING_PATHS) == Event(
        event_id="4711",
        correlation_id="t-1",
        ts_ms=1_732_103_600_123,
        model="credit",
        version="12",
        inputs={"income": 1200, "job": "clerk", "tags": Nested()},
        outputs=Outputs(prediction="good", confidence=0.91),
        latency_ms=12.5,
    )


def test_a_flat_foreign_format_gets_its_ids_from_the_log() -> None:
    raw = {"@timestamp": 1_732_100_000.5, "ml.score": 0.2, "region": "eu", "x": {"a": 1}}
    found = foreign(
        raw,
        ts="@timestamp",
        ts_unit="s",
        model="=scorer",
        version="=1",
        segment="region",
        inputs="x",
        prediction="ml.score",
    )
    assert found == Event(
        event_id="requests/2/17",
        correlation_id="requests/2/17",
        ts_ms=1_732_100_000_500,
        model="scorer",
        version="1",
        segment="eu",
        inputs={"a": 1},
        outputs=Outputs(prediction=0.2),
    )


@pytest.mark.parametrize(("code", "status"), [(200, "ok"), (302, "ok"), (503, "503")])
def test_a_foreign_http_code_is_a_status(code: int, status: str) -> None:
    found = foreign(SERVING | {"http": {"status": code}}, **SERVING_PATHS)
    assert isinstance(found, Event)
    assert found.status == status


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"time": "yesterday"}, Reason.WRONG_TYPE, "ts_ms"),
        ({"time": None}, Reason.MISSING_FIELD, "ts_ms"),
        ({"payload": 5}, Reason.MISSING_FIELD, "inputs"),
        ({"deployment": {"name": {}}}, Reason.WRONG_TYPE, "model"),
    ],
)
def test_what_a_mapping_does_not_find_is_named(changes: Any, reason: Reason, field: str) -> None:
    found = foreign(SERVING | changes, **SERVING_PATHS)
    assert isinstance(found, Rejection)
    assert (found.reason, found.detail.partition(" ")[0]) == (reason, field)


@settings(deadline=None)
@given(json_values, st.sampled_from(["ms", "s", "iso"]))
def test_a_mapping_never_crashes(raw: Any, unit: str) -> None:
    paths = {"ts": "t.0", "inputs": "a", "ts_unit": unit, "version": "=1", "model": "b.c"}
    for held in (raw, {"t": [raw], "a": raw, "b": raw}, {"t": [raw], "a": {}, "b": {"c": "m"}}):
        assert isinstance(foreign(held, **paths), Event | Rejection)


@pytest.mark.parametrize(
    ("key", "held"), [("inputs", "a..b"), ("inputs", "=fixed"), ("model", "="), ("ts", ".")]
)
def test_a_malformed_path_is_a_settings_error_that_names_the_key(key: str, held: str) -> None:
    with pytest.raises(SettingsError, match=f"mapping.{key}"):
        FieldMapping(msgspec.convert({key: held}, MappingSettings))


def test_without_settings_no_mapping_is_active() -> None:
    assert not FieldMapping(MappingSettings()).active
    assert FieldMapping(MappingSettings(model="=m")).active

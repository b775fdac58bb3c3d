"""Batches of log records become rows, dead letters and counts; both paths agree."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftlog.decode import decode_event
from driftlog.errors import ProfileError
from driftlog.records import (
    TEXT_PARTS,
    Event,
    Reason,
    ReferenceProfile,
    SignalProfile,
    SignalRole,
    SignalType,
    TextSource,
    input_signal,
    text_signal,
)
from driftlog.settings import Duration, MappingSettings, ModelSettings, Settings, StreamSettings
from stream.cells import entropy, event_hashes, margin
from stream.decode import Decoder
from stream.decoded import DeadLetter, Decoded
from stream.rows import MISSING, WRONG_TYPE, Rows, event_hash
from stream.texts import slot_of, word_hash

NUMBER, CATEGORY, BOOLEAN = SignalType.NUMBER, SignalType.CATEGORY, SignalType.BOOLEAN
T0 = 1_732_100_000_000


@dataclass(frozen=True, slots=True)
class Record:
    value: bytes | None
    offset: int = 1
    partition: int = 0
    topic: str = "events"
    timestamp: int = T0
    timestamp_type: int = 1
    key: bytes | None = b"c1"


def signal(name: str, kind: SignalType, role: SignalRole) -> SignalProfile:
    own = input_signal(name) if role == "input" else name
    return SignalProfile(
        signal=own, role=role, type=kind, rows=9, missing=0.0, bins=("a",), shares=(1.0,)
    )


def text_signals(name: str) -> list[SignalProfile]:
    """Signals of free text whose reference knows one word and one pair."""
    known = {
        "unknown_words": TextSource(
            input=name, part="unknown_words", vocabulary=word_hash(b"the").to_bytes(4, "little")
        ),
        "ngrams": TextSource(
            input=name, part="ngrams", buckets=b"\xff" * slot_of(b"the bags") + b"\x00"
        ),
    }
    return [
        msgspec.structs.replace(
            signal(name, CATEGORY if part == "ngrams" else NUMBER, "input"),
            signal=text_signal(name, part),
            text=known.get(part, TextSource(input=name, part=part)),
        )
        for part in TEXT_PARTS
    ]


INPUTS = {"x": NUMBER, "carrier": CATEGORY, "rain": BOOLEAN, "y z": NUMBER, "confidence": NUMBER}
REFERENCE = ReferenceProfile(
    model="m",
    version="3",
    reference_id="r1",
    origin="file",
    effective_from_ms=0,
    rows=9,
    span_ms=(0, 1),
    rate=1.0,
    signals=(
        *(signal(name, kind, "input") for name, kind in INPUTS.items()),
        signal("prediction", CATEGORY, "output"),
        signal("confidence", NUMBER, "output"),
        signal("entropy", NUMBER, "output"),
        signal("margin", NUMBER, "output"),
        signal("latency", NUMBER, "service"),
        signal("error", BOOLEAN, "service"),
    ),
    excluded={"id": "an identifier"},
)
PLAIN: dict[str, Any] = {
    "v": 1,
    "event_id": "e1",
    "correlation_id": "c1",
    "ts_ms": T0,
    "model": "m",
    "version": "3",
    "segment": "JFK",
    "inputs": {"x": 1.5, "carrier": "UA", "rain": True, "y z": 2, "confidence": 0.5},
    "outputs": {"prediction": "late", "confidence": 0.8, "scores": {"late": 0.8, "no": 0.2}},
    "latency_ms": 3.1,
    "status": "ok",
}


def decoder(
    *references: ReferenceProfile,
    models: ModelSettings | None = None,
    mapping: MappingSettings | None = None,
) -> Decoder:
    held = sorted(references or (REFERENCE,), key=lambda one: one.effective_from_ms)

    def at(model: str, version: str, ts_ms: int) -> ReferenceProfile | None:
        found = [
            one
            for one in held
            if (one.model, one.version) == (model, version) and one.effective_from_ms <= ts_ms
        ]
        return found[-1] if found else None

    return Decoder(
        Settings(
            models=models or ModelSettings(),
            mapping=mapping or MappingSettings(),
            stream=StreamSettings(max_event_bytes=100_000),
        ),
        at,
    )


def warmed(*references: ReferenceProfile, **given: Any) -> Decoder:
    """A decoder whose fast path is compiled and has met the usual event."""
    made = decoder(*references, **given)
    for _ in range(3):
        made.decode_batch([Record(orjson.dumps(PLAIN), offset=0)])
        made.decode_batch([Record(orjson.dumps(PLAIN), offset=1)])
    return made


def log(values: Iterable[dict[str, Any] | bytes], start: int = 0) -> list[Record]:
    return [
        Record(one if isinstance(one, bytes) else orjson.dumps(one), offset=at)
        for at, one in enumerate(values, start)
    ]


def changed(**changes: Any) -> dict[str, Any]:
    return PLAIN | changes


def only(decoded: Decoded) -> Rows:
    assert not decoded.dead
    (one,) = decoded.rows
    return one.rows


def cells(rows: Rows) -> list[dict[str, Any]]:
    """Rows as plain cells, so that two are equal when every bit of them is."""
    plain = []
    for at in range(len(rows)):
        row: dict[str, Any] = {
            "place": (rows.model, rows.version, int(rows.partition[at]), int(rows.offset[at])),
            "id": (int(rows.ts_ms[at]), int(rows.key[at]), rows.correlation_id[at]),
            "raw": None if rows.raw is None else rows.raw[at],
        }
        row |= {name: column[at].tobytes() for name, column in rows.numbers.items()}
        for name, texts in {"segment ": rows.segment, **rows.categories}.items():
            code = int(texts.codes[at])
            row[name] = texts.levels[code] if code >= 0 else code
        plain.append(row)
    return plain


def everything(decoded: Decoded) -> Any:
    return (
        [(one.reference_id, cells(one.rows)) for one in decoded.rows],
        decoded.dead,
        decoded.shadow,
        decoded.wrong_types,
    )


def test_a_row_has_exactly_the_signals_of_the_reference() -> None:
    rows = only(decoder().decode_batch(log([PLAIN])))
    assert set(rows.numbers) | set(rows.categories) == {
        *("x", "carrier", "rain", "y z", "input.confidence"),
        *("prediction", "confidence", "entropy", "margin", "latency", "error"),
    }
    assert {name: column.tolist() for name, column in rows.numbers.items()} == {
        "x": [1.5],
        "y z": [2.0],
        "rain": [1.0],
        "input.confidence": [0.5],
        "confidence": [0.8],
        "entropy": [pytest.approx(0.5004, abs=1e-4)],
        "margin": [pytest.approx(0.6)],
        "latency": [3.1],
        "error": [0.0],
    }
    assert rows.categories["carrier"].levels == ("UA",)
    assert rows.categories["prediction"].levels == ("late",)
    assert rows.segment.levels == ("JFK",)
    assert rows.key.tolist() == [event_hash("e1")]
    assert rows.raw is None


def test_a_failed_request_is_a_row_with_an_error_and_no_outputs() -> None:
    failed = {k: v for k, v in PLAIN.items() if k != "outputs"} | {"status": "timeout"}
    rows = only(warmed().decode_batch(log([failed, failed], start=1)))
    assert rows.numbers["error"].tolist() == [1.0, 1.0]
    assert np.isnan(rows.numbers["confidence"]).all()
    assert np.isnan(rows.numbers["entropy"]).all()
    assert rows.categories["prediction"].codes.tolist() == [MISSING, MISSING]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("x", 2**53 + 1, float(2**53 + 1)),
        ("x", -(2**63), -(2.0**63)),
        ("x", None, None),
        ("x", "1", "wrong"),
        ("x", True, "wrong"),
        ("x", [1.0], "wrong"),
        ("rain", False, 0.0),
        ("rain", 1, "wrong"),
        ("rain", "true", "wrong"),
        ("rain", None, None),
        ("carrier", 7, "wrong"),
        ("carrier", False, "wrong"),
        ("carrier", {"a": 1}, "wrong"),
        ("carrier", None, None),
        ("carrier", "", ""),
        ("carrier", "ÄÖ\u2028", "ÄÖ\u2028"),
    ],
)
@pytest.mark.parametrize("offset", [0, 1])
def test_a_cell_is_a_value_missing_or_of_a_wrong_type(
    name: str, value: Any, expected: Any, offset: int
) -> None:
    raw = changed(inputs=PLAIN["inputs"] | {name: value})
    decoded = warmed().decode_batch(log([raw], start=offset))
    rows = only(decoded)
    wrong = {("m", "3", name): 1} if expected == "wrong" else {}
    assert decoded.wrong_types == Counter(wrong)
    if name in rows.numbers:
        found = float(rows.numbers[name][0])
        shown = None if math.isnan(found) else "wrong" if math.isinf(found) else found
    else:
        texts = rows.categories[name]
        shown = {MISSING: None, WRONG_TYPE: "wrong", 0: "".join(texts.levels)}[int(texts.codes[0])]
    assert shown == expected


def test_a_type_set_by_hand_converts_cells_where_it_can() -> None:
    models = ModelSettings(types={"x": "number", "carrier": "category"})
    inputs = [{"x": "2.5", "carrier": 7}, {"x": "far", "carrier": 7.0}, {"x": None}]
    made = warmed(models=models)
    decoded = made.decode_batch(log([changed(inputs=one) for one in inputs], start=1))
    rows = only(decoded)
    assert rows.numbers["x"].tolist()[:2] == [2.5, math.inf]
    assert math.isnan(rows.numbers["x"][2])
    assert rows.categories["carrier"].levels == ("7",)
    assert rows.categories["carrier"].codes.tolist() == [0, 0, MISSING]
    assert decoded.wrong_types == {("m", "3", "x"): 1}


@pytest.mark.parametrize("offset", [0, 1])
def test_free_text_comes_as_its_four_signals_and_not_as_itself(offset: int) -> None:
    reference = msgspec.structs.replace(REFERENCE, signals=tuple(text_signals("note")))
    made = decoder(reference)
    for _ in range(3):
        made.decode_batch(log([changed(inputs={"note": "the bag"})], start=0))
        made.decode_batch(log([changed(inputs={"note": "the bag"})], start=1))
    notes = ["The bags", None, 7, ""]
    decoded = made.decode_batch(
        log([changed(inputs={"note": note}) for note in notes], start=offset)
    )
    rows = only(decoded)
    assert {name: column.tolist() for name, column in rows.numbers.items()} == {
        "input.note.length": [8.0, pytest.approx(math.nan, nan_ok=True), math.inf, 0.0],
        "input.note.words": [2.0, pytest.approx(math.nan, nan_ok=True), math.inf, 0.0],
        "input.note.unknown_words": [0.5, pytest.approx(math.nan, nan_ok=True), math.inf, 0.0],
    }
    (bucket,) = rows.categories.values()
    assert bucket.codes[1:3].tolist() == [MISSING, WRONG_TYPE]
    assert decoded.wrong_types == Counter(
        {("m", "3", text_signal("note", part)): 1 for part in TEXT_PARTS}
    )
    vanished = made.decode_batch(log([changed(inputs={"fresh": 1})], start=64))
    assert set(vanished.vanished_columns) == {("m", "3", "note")}
    assert set(vanished.new_columns) == {("m", "3", "fresh")}


@pytest.mark.parametrize("offset", [0, 1])
def test_text_set_by_hand_reads_numbers_and_booleans_as_texts(offset: int) -> None:
    reference = msgspec.structs.replace(REFERENCE, signals=tuple(text_signals("note")))
    made = decoder(reference, models=ModelSettings(types={"note": "text"}))
    for at in (0, 1):
        made.decode_batch(log([changed(inputs={"note": "the bag"})], start=at))
    notes = [7, True, "a b", None, [1]]
    values = [changed(inputs={"note": note}) for note in notes]
    length = only(made.decode_batch(log(values, start=offset))).numbers["input.note.length"]
    assert length[:3].tolist() == [1, 4, 3]
    assert np.isnan(length[3]) and length[4] == math.inf


def bad(reason: Reason) -> list[bytes]:
    """Records that end as dead letters for this reason, under the policy to reject."""
    dumps = orjson.dumps
    return {
        Reason.NOT_JSON: [b"", b"{", b"\xff", dumps(PLAIN).replace(b"1.5", b"NaN"), b"[" * 9_999],
        Reason.NOT_OBJECT: [b"[]", b"1", b'"x"', b"null"],
        Reason.MISSING_FIELD: [
            dumps({k: v for k, v in PLAIN.items() if k != name})
            for name in ("v", "event_id", "correlation_id", "ts_ms", "model", "version", "inputs")
        ],
        Reason.WRONG_TYPE: [
            dumps(changed(**{name: value}))
            for name, value in (
                ("ts_ms", 1.0),
                ("ts_ms", True),
                ("inputs", []),
                ("outputs", {"confidence": "x"}),
                ("outputs", {"scores": {"late": None}}),
                ("outputs", {"prediction": []}),
                ("latency_ms", "x"),
                ("status", 1),
                ("role", "x"),
                ("segment", "*"),
                ("event_id", ""),
                ("correlation_id", "x" * 257),
            )
        ],
        Reason.UNKNOWN_VERSION: [dumps(changed(v=2))],
        Reason.UNKNOWN_MODEL: [dumps(changed(model="other")), dumps(changed(version="4"))],
        Reason.FUTURE: [dumps(changed(ts_ms=T0 + 2_001))],
        Reason.OVERSIZE: [dumps(changed(pad="x" * 100_001))],
    }[reason]


EVERY_BAD = [(reason, raw) for reason in Reason for raw in bad(reason)]


@pytest.mark.parametrize("offset", [0, 1])
@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_makes_a_dead_letter_and_the_next_event_is_taken(
    reason: Reason, offset: int
) -> None:
    for raw in bad(reason):
        made = warmed(models=ModelSettings(unknown="reject"))
        first = replace(Record(raw, offset=offset), partition=2, key=b"k")
        decoded = made.decode_batch([first, Record(orjson.dumps(PLAIN), offset=offset + 1)])
        (letter,) = decoded.dead
        assert letter == DeadLetter(raw, b"k", reason, letter.detail, "events", 2, offset)
        assert decoded.events == 1
        assert dict(letter.headers()) == {
            "reason": reason.value.encode(),
            "detail": letter.detail.encode(),
            "topic": b"events",
            "partition": b"2",
            "offset": str(offset).encode(),
        }


def test_a_tombstone_is_a_dead_letter() -> None:
    (letter,) = warmed().decode_batch([Record(None)]).dead
    assert (letter.reason, letter.raw) == (Reason.NOT_JSON, None)


def test_the_future_is_judged_only_by_the_brokers_own_clock() -> None:
    ahead = Record(orjson.dumps(changed(ts_ms=T0 + 60_000)))
    assert [one.reason for one in warmed().decode_batch([ahead]).dead] == [Reason.FUTURE]
    assert not warmed().decode_batch([replace(ahead, timestamp_type=0)]).dead
    edge = Record(orjson.dumps(changed(ts_ms=T0 + 2_000)))
    assert not warmed().decode_batch([edge]).dead


def test_an_unknown_model_is_kept_raw_to_learn_from() -> None:
    values = [changed(model="new", event_id=f"e{at}", inputs={"a": [at]}) for at in range(3)]
    decoded = warmed().decode_batch(log(values))
    (one,) = decoded.rows
    assert (one.reference, one.reference_id, one.rows.model) == (None, "", "new")
    assert one.rows.raw is not None
    events = [decode_event(raw) for raw in one.rows.raw]
    assert [isinstance(e, Event) and e.event_id for e in events] == ["e0", "e1", "e2"]
    assert one.rows.key.tolist() == [event_hash(f"e{at}") for at in range(3)]
    assert not one.rows.numbers


def test_a_shadow_is_counted_and_not_judged() -> None:
    decoded = warmed().decode_batch(log([changed(role="shadow"), PLAIN, changed(role="shadow")]))
    assert decoded.shadow == {("m", "3"): 2}
    assert only(decoded).offset.tolist() == [1]


def test_models_and_versions_are_kept_apart_in_order_of_the_log() -> None:
    four = msgspec.structs.replace(REFERENCE, version="4", reference_id="r4")
    values = [changed(version="34"[at % 2], event_id=f"e{at}") for at in range(600)]
    decoded = decoder(REFERENCE, four).decode_batch(log(values))
    assert [one.reference_id for one in decoded.rows] == ["r1", "r4"]
    for at, one in enumerate(decoded.rows):
        assert one.rows.offset.tolist() == list(range(at, 600, 2))
    assert decoded.general < 300


def test_a_reference_takes_effect_at_a_pane_and_not_at_arrival() -> None:
    pane = int(StreamSettings().pane)
    turn = T0 - T0 % pane + 10 * pane
    fewer = msgspec.structs.replace(
        REFERENCE, reference_id="r2", effective_from_ms=turn, signals=REFERENCE.signals[:2]
    )
    times = [turn - 1, turn, turn - pane, turn + pane, turn + 5 * pane, turn - 1] * 50
    records = [
        replace(record, timestamp_type=0)
        for record in log([changed(ts_ms=at, event_id=f"e{i}") for i, at in enumerate(times)])
    ]
    made = decoder(REFERENCE, fewer)
    for _ in range(2):
        before, after = made.decode_batch(records).rows
        assert (before.reference_id, after.reference_id) == ("r1", "r2")
        assert before.rows.ts_ms.max() < turn <= after.rows.ts_ms.min()
        assert len(before.rows) + len(after.rows) == len(times)
        assert set(after.rows.numbers) | set(after.rows.categories) == {"x", "carrier"}


def test_new_and_vanished_columns_are_noticed() -> None:
    raw = changed(inputs={"x": 1.0, "carrier": "UA", "rain": None, "y z": 1, "fresh": 1, "id": 7})
    decoded = warmed().decode_batch(log([raw] * 128, start=1))
    assert set(decoded.new_columns) == {("m", "3", "fresh")}
    assert set(decoded.vanished_columns) == {("m", "3", "confidence")}
    assert decoded.events == 128


def test_an_excluded_column_is_not_new() -> None:
    raw = changed(inputs=PLAIN["inputs"] | {"a": 1, "b": 1})
    for models, new in (
        (ModelSettings(exclude=("a",)), {"b"}),
        (ModelSettings(include=("x", "a")), {"a"}),
    ):
        decoded = warmed(models=models).decode_batch(log([raw], start=1))
        assert {name for _, _, name in decoded.new_columns} == new


def test_the_usual_event_takes_the_fast_path_whatever_else_it_carries() -> None:
    raw = changed(
        trace={"spans": [{"id": 1.5}], "ok": True},
        tags=["a", "b"],
        inputs={"x": 1, "id": "u-1", "extra": None},
        outputs={"prediction": "late", "top": [1, 2]},
    )
    made = warmed()
    made.decode_batch(log([raw] * 64))
    assert made.decode_batch(log([raw] * 640)).general == 10


def test_a_foreign_topic_is_read_by_its_mapping_with_ids_from_the_log() -> None:
    mapping = MappingSettings(ts="at", ts_unit="s", model="=m", version="=3", inputs="f")
    raw = {"at": T0 / 1000, "f": PLAIN["inputs"]}
    rows = only(decoder(mapping=mapping).decode_batch(log([raw, raw])))
    assert rows.key.tolist() == [event_hash("events/0/0"), event_hash("events/0/1")]
    assert rows.numbers["x"].tolist() == [1.5, 1.5]


def test_a_reference_with_a_signal_no_event_has_is_an_error_that_names_it() -> None:
    strange = msgspec.structs.replace(REFERENCE, signals=(signal("weather", NUMBER, "output"),))
    with pytest.raises(ProfileError, match="weather"):
        decoder(strange).decode_batch(log([PLAIN]))


def test_nothing_is_nothing() -> None:
    decoded = warmed().decode_batch([])
    assert (decoded.rows, decoded.dead, decoded.events) == ([], [], 0)


score_dicts = st.none() | st.dictionaries(
    st.text(max_size=3), st.floats(-1, 1) | st.integers(0, 2) | st.just(1e308), max_size=4
)


@settings(deadline=None)
@given(st.lists(score_dicts, max_size=12))
def test_entropy_and_margin_are_those_of_the_textbook(
    scores: list[dict[str, float] | None],
) -> None:
    for found, one in zip(entropy(scores), scores, strict=True):
        total = sum(one.values()) if one else 0.0
        if one is None or not 0 < total < math.inf or min(one.values()) < 0:
            assert math.isnan(found)
        else:
            shares = [value / total for value in one.values() if value / total > 0]
            textbook = -math.fsum(share * math.log(share) for share in shares)
            assert found == pytest.approx(textbook, abs=1e-12)
    for found, one in zip(margin(scores), scores, strict=True):
        if one is None or len(one) < 2:
            assert math.isnan(found)
        else:
            second, first = sorted(one.values())[-2:]
            assert found == first - second


@settings(deadline=None)
@given(st.lists(score_dicts, min_size=1, max_size=12), st.data())
def test_the_entropy_of_a_row_does_not_depend_on_its_neighbours(
    scores: list[dict[str, float] | None], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(scores)))
    for of in (entropy, margin):
        parts = np.concatenate([of(scores[:cut]), of(scores[cut:])])
        assert of(scores).tobytes() == parts.tobytes()


@settings(deadline=None)
@given(st.lists(st.text(max_size=20), max_size=5))
def test_hashes_are_those_of_the_rows(ids: list[str]) -> None:
    encodable = [one for one in ids if one.isascii() or one.isprintable()]
    assert event_hashes(encodable).tolist() == [event_hash(one) for one in encodable]


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4)
    | st.sampled_from(["late", "UA", "JFK", "*", "live", "shadow", "\x7f", "a\\b"])
)
values = scalars | st.lists(scalars, max_size=2) | st.dictionaries(st.text(max_size=3), scalars)
names = st.sampled_from([*INPUTS, "id", "fresh", "prediction", 'a"b']) | st.text(max_size=3)


@st.composite
def valid(draw: st.DrawFn) -> dict[str, Any]:
    raw = changed(
        event_id=draw(st.text("abc1", min_size=1, max_size=6)),
        ts_ms=T0 + draw(st.integers(-30_000, 2_100)),
        version=draw(st.sampled_from(["3", "3", "3", "4", "5"])),
        segment=draw(st.sampled_from([None, "JFK", "LGA", "new"])),
    )
    raw["inputs"] = {
        "x": draw(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-99, 2**64 - 1)),
        "carrier": draw(st.sampled_from(["UA", "DL", None, "The bag's LATE (17)", "où est", ""])),
        "rain": draw(st.booleans() | st.none()),
        "y z": draw(st.floats(-9, 9) | st.none()),
        "confidence": 0.5,
    }
    return raw


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    raw: dict[str, Any] = draw(valid())
    for _ in range(draw(st.integers(1, 3))):
        where = draw(st.sampled_from(["top", "inputs", "outputs", "scores"]))
        held = raw
        if where != "top":
            group = "inputs" if where == "inputs" else "outputs"
            before = raw.get(group)
            held = raw[group] = dict(before) if isinstance(before, dict) else {}
        if where == "scores":
            held["scores"] = held = {"late": 0.5}
        name = draw(st.sampled_from(sorted(PLAIN)) if where == "top" else names)
        if draw(st.booleans()):
            held.pop(name, None)
        else:
            held[name] = draw(values)
    return raw


@st.composite
def hostile(draw: st.DrawFn) -> bytes:
    raw = bytearray(orjson.dumps(draw(valid() | mutated())))
    snippets = [b"1e400", b"-0", b"1E5", b"01", b"NaN", b"9" * 400, b"\\u0041", b"\\ud800", b","]
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(0, len(raw) - 1)))
        how = draw(st.sampled_from(["cut", "put", "flip", "twice", "number"]))
        if how == "cut":
            del raw[at : at + draw(st.integers(1, 4))]
        elif how == "put":
            raw[at:at] = draw(st.sampled_from([b" ", b'"', b"}", b"]", b"\x00", b"\t", *snippets]))
        elif how == "flip" and raw:
            raw[at] = draw(st.integers(0, 255))
        elif how == "twice":
            extra = orjson.dumps(draw(mutated()))
            raw = raw[:-1] + b"," + extra[1:] if len(raw) > 2 else raw
        else:
            raw = bytearray(bytes(raw).replace(b"0.5", draw(st.sampled_from(snippets)), 1))
    return bytes(raw)


four = msgspec.structs.replace(
    REFERENCE, version="4", reference_id="r4", signals=REFERENCE.signals[:3]
)
five = msgspec.structs.replace(
    REFERENCE,
    version="5",
    reference_id="r5",
    signals=(
        signal("x", CATEGORY, "input"),
        signal("prediction", NUMBER, "output"),
        *text_signals("carrier"),
        *text_signals("rain"),
    ),
)
BY_HAND = ModelSettings(types={"y z": "category", "rain": "text"}, unknown="reject")
anything = st.one_of(
    valid().map(orjson.dumps),
    mutated().map(orjson.dumps),
    hostile(),
    st.sampled_from([raw for _, raw in EVERY_BAD]),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(anything, min_size=1, max_size=12))
def test_the_fast_path_declines_or_gives_the_very_row_of_the_general_path(
    raws: list[bytes],
) -> None:
    # Offsets that are multiples of 64 always take the general path; all others may not.
    places = [(raw, at) for at, raw in enumerate(raws, 1)]
    fast = [Record(raw, offset=at) for raw, at in places]
    general = [Record(raw, offset=at * 64) for raw, at in places]
    made = warmed(REFERENCE, four, five, models=BY_HAND)
    other = decoder(REFERENCE, four, five, models=BY_HAND).decode_batch(general)
    assert other.general == len(raws)
    for _ in range(2):  # the second time the fast path has learned what is usual here
        first = made.decode_batch(fast)
        assert everything(moved(first)) == everything(other)


def moved(decoded: Decoded) -> Decoded:
    """The same at the offsets of the general path."""
    return replace(
        decoded,
        rows=[
            replace(one, rows=replace(one.rows, offset=one.rows.offset * 64))
            for one in decoded.rows
        ],
        dead=[replace(one, offset=one.offset * 64) for one in decoded.dead],
    )


@pytest.mark.parametrize(("reason", "raw"), EVERY_BAD)
def test_both_paths_give_the_same_reason(reason: Reason, raw: bytes) -> None:
    made = warmed(models=ModelSettings(unknown="reject"))
    letters = [made.decode_batch([Record(raw, offset=at)]).dead for at in (0, 1)]
    assert [one.reason for (one,) in letters] == [reason, reason]


@pytest.mark.parametrize("size", [1, 7, 256, 1000])
def test_how_the_log_is_cut_into_batches_changes_no_row(size: int) -> None:
    odd = [raw for _, raw in EVERY_BAD]
    values: list[dict[str, Any] | bytes] = []
    for at in range(600):
        inputs = PLAIN["inputs"] | {"x": at / 7, "carrier": f"c{at % 5}" if at % 11 else "Ä"}
        values.append(changed(event_id=f"e{at}", version="34"[at % 3 == 0], inputs=inputs))
        if at % 20 == 0:
            values.append(odd[at // 20 % len(odd)])
    records = log(values)

    def read(step: int) -> Any:
        made = decoder(REFERENCE, four, models=ModelSettings(unknown="reject"))
        rows: dict[str, list[Any]] = {}
        dead, wrong = [], Counter[Any]()
        for start in range(0, len(records), step):
            decoded = made.decode_batch(records[start : start + step])
            for one in decoded.rows:
                rows.setdefault(one.reference_id, []).extend(cells(one.rows))
            dead += decoded.dead
            wrong += decoded.wrong_types
        return rows, dead, wrong

    assert read(size) == read(len(records))


def test_the_pane_decides_the_reference_at_any_pane_length() -> None:
    asked: list[int] = []

    def at(_model: str, _version: str, ts_ms: int) -> ReferenceProfile:
        asked.append(ts_ms)
        return REFERENCE

    made = Decoder(Settings(stream=StreamSettings(pane=Duration(1_000))), at)
    made.decode_batch(log([changed(ts_ms=T0 + 999), changed(ts_ms=T0 + 1_000)]))
    assert sorted(set(asked)) == [T0, T0 + 1_000]


def test_a_letter_larger_than_its_topic_takes_is_cut_and_says_so() -> None:
    small = DeadLetter(b"raw", b"key", Reason.OVERSIZE, "", "events", 0, 1)
    assert small.fitted() == (b"key", b"raw")
    assert "cut" not in dict(small.headers())
    large = replace(small, raw=b"x" * 3_000_000, key=b"k" * 200_000)
    key, raw = large.fitted()
    assert len(key or b"") + len(raw or b"") < 2 * 1_048_576 - 10_000
    assert dict(large.headers())["cut"] == b"3000000 bytes, and 200000 of key"


def test_an_event_that_grows_too_large_to_be_learned_from_is_a_dead_letter() -> None:
    """1e15 is four bytes on the log and eighteen in a record of ours."""
    inputs = ",".join(f'"{n}":1e15' for n in range(30_000))
    raw = b'{"v":1,"event_id":"e","correlation_id":"c","ts_ms":1,"model":"new","version":"1"'
    raw += b',"inputs":{' + inputs.encode() + b"}}"
    settings_of_large = Settings(stream=StreamSettings(max_event_bytes=1_000_000))
    found = Decoder(settings_of_large, lambda *_: None).decode_batch([Record(raw)])
    assert [letter.reason for letter in found.dead] == [Reason.OVERSIZE]
    assert not found.rows

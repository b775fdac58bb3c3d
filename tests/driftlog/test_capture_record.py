"""What becomes a record: values, fields, ids, filter and sampling. Without a broker."""

from __future__ import annotations

import enum
import logging
import math
import uuid
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlog.capture import Capture
from driftlog.capture.cells import plain_cells, plain_outputs
from driftlog.capture.encoder import encode_event, encode_label
from driftlog.capture.field_filter import FieldFilter
from driftlog.capture.ids import EventIds
from driftlog.capture.sampling import Sampling
from driftlog.capture.warning import Warnings
from driftlog.errors import ContractError, SettingsError
from driftlog.records import EVENT, LABEL
from driftlog.settings import CaptureSettings, Settings
from driftlog.testing.clock import ManualClock
from tests.driftlog.capture_log import handed_over

NOBODY = "127.0.0.1:1"
ALL = FieldFilter(CaptureSettings())


class Colour(enum.Enum):
    RED = "red"


class Hostile:
    def item(self) -> Any:
        raise RuntimeError("no")


def fields(**given: Any) -> dict[str, Any]:
    return {
        "v": 1,
        "event_id": "e",
        "correlation_id": "c",
        "ts_ms": 1,
        "model": "m",
        "version": "1",
        "segment": None,
        "role": "live",
        "latency_ms": None,
        "status": "ok",
    } | given


def inputs_of(inputs: Any) -> dict[str, Any]:
    value, _ = encode_event(fields(), inputs, None, ALL)
    return EVENT.decode(value).inputs


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (np.float64(1.5), 1.5),
        (np.float32(0.5), 0.5),
        (np.int64(7), 7),
        (np.bool_(True), True),
        (np.str_("UA"), "UA"),
        (np.array([2.5]), 2.5),
        (np.array(3), 3),
        (np.datetime64("2013-01-02"), "2013-01-02"),
        (np.datetime64("NaT"), None),
        (math.nan, None),
        (np.float64("inf"), None),
        (Decimal("1.25"), 1.25),
        (Fraction(1, 4), 0.25),
        (Colour.RED, "red"),
        (date(2013, 1, 2), "2013-01-02"),
        (datetime(2013, 1, 2, tzinfo=UTC), "2013-01-02T00:00:00+00:00"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (2**63, 2**63),
        (10**30, 1e30),
        (10**400, None),
        ("broken \ud800", "broken ?"),
    ],
)
def test_what_a_service_holds_becomes_a_number_a_text_or_null(value: object, cell: object) -> None:
    found = inputs_of({"x": value})["x"]
    assert found == cell
    assert type(found) is type(cell)
    assert plain_cells({"x": value})[1] == 0


@pytest.mark.parametrize("value", [[1, 2], {"a": 1}, object(), Hostile(), np.zeros(3), 1j, b"x"])
def test_what_is_none_of_these_is_null_and_the_rest_of_the_event_goes(value: object) -> None:
    written, unfit = encode_event(fields(), {"bad": value, "good": 1.0}, None, ALL)
    assert unfit == 1
    assert EVENT.decode(written).inputs == {"bad": None, "good": 1.0}


def test_names_of_inputs_become_texts() -> None:
    assert inputs_of({1: "a", "b": 2}) == {"1": "a", "b": 2}


def test_an_unfit_confidence_or_score_costs_itself_and_not_the_event() -> None:
    outputs = {
        "prediction": np.int64(1),
        "confidence": "high",
        "scores": {"a": np.float32(0.5), "b": math.nan, "c": "x", 3: 0.25},
    }
    assert plain_outputs(outputs) == (
        {"prediction": 1, "confidence": None, "scores": {"a": 0.5, "3": 0.25}},
        2,
    )
    assert plain_outputs({"prediction": 1, "scores": [0.5]}) == ({"prediction": 1}, 1)
    assert plain_outputs({"confidence": True}) == ({"confidence": None}, 1)
    assert plain_outputs({1: 2, "own": "kept"}) == ({"1": 2, "own": "kept"}, 0)


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())  # halves of surrogate pairs among them
    | st.binary(max_size=4)
    | st.decimals(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
names = st.text(st.characters(), max_size=5)


@given(
    st.dictionaries(names, anything, max_size=5),
    st.fixed_dictionaries(
        {}, optional={"prediction": anything, "confidence": anything, "scores": anything}
    ),
)
def test_whatever_the_values_the_event_can_be_read(
    inputs: dict[str, Any], outputs: dict[str, Any]
) -> None:
    written, _ = encode_event(fields(), inputs, outputs, ALL)
    event = EVENT.decode(written)
    assert set(event.inputs) == {name.encode("utf-8", "replace").decode() for name in inputs}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"ts_ms": -1}, "time is -1"),
        ({"ts_ms": 2**53}, "time is"),
        ({"ts_ms": "now"}, "time is 'now'"),
        ({"ts_ms": math.nan}, "time is nan"),
        ({"role": "ghost"}, "role is 'ghost'"),
        ({"latency_ms": "slow"}, "latency_ms is 'slow'"),
    ],
)
def test_a_field_that_the_contract_forbids_is_named(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ContractError, match=says):
        encode_event(fields(**given), {}, None, ALL)


def test_a_label_may_be_null_but_not_a_list() -> None:
    given = {
        "v": 1,
        "event_id": "e",
        "correlation_id": "c",
        "ts_ms": np.int64(5),
        "prediction": np.str_("late"),
        "prediction_ts_ms": None,
    }
    label = LABEL.decode(encode_label(given | {"label": None}))
    assert (label.label, label.prediction, label.ts_ms) == (None, "late", 5)
    assert LABEL.decode(encode_label(given | {"label": np.bool_(False)})).label is False
    with pytest.raises(ContractError, match="label and prediction"):
        encode_label(given | {"label": [1]})


@pytest.mark.parametrize(
    "arguments",
    [
        {"inputs": "text"},
        {"inputs": None},
        {"inputs": [{}, 5], "failed": 1},
        {"inputs": [{}, {}], "outputs": [{}], "failed": 2},
        {"inputs": [{}, {}], "segment": ["a"], "failed": 2},
        {"inputs": {}, "outputs": 0.5},
        {"inputs": {}, "ts_ms": -5},
        {"inputs": {}, "role": "ghost"},
        {"inputs": {"x": "y" * 1_100_000}},
    ],
)
def test_no_data_raise_into_the_service(
    arguments: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "driftlog.capture")
    failed = arguments.pop("failed", 1)
    capture = Capture(bootstrap=NOBODY, model="m", version="1", flush_timeout="1ms")
    with capture:
        rows = len(arguments["inputs"]) if isinstance(arguments["inputs"], list) else 1
        ids = capture.log(**arguments)
        assert len(ids) == (26 if isinstance(ids, str) else rows)
        assert capture.counts.failed == failed
        assert handed_over(capture.counts) == rows
    assert "a record could not be made" in caplog.text


def test_an_event_without_a_model_is_counted_and_said_how_to_mend(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Capture(Settings()) as capture:
        capture.log({"a": 1})
        capture.log({"a": 1}, model="m")
        assert capture.counts.failed == 2
    assert "pass model= or set capture.model" in caplog.text


def test_warnings_come_once_a_minute_with_what_was_held_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = ManualClock()
    warn = Warnings(clock.monotonic)
    for _ in range(5):
        warn("kind", "it is %s", "so")
    warn("other", "and so")
    clock.advance(seconds=60)
    warn("kind", "it is %s", "so")
    assert caplog.messages == [
        "it is so",
        "and so",
        "it is so (4 more like this since the last line)",
    ]


def test_a_denied_input_never_leaves_and_an_allow_list_lets_no_other() -> None:
    keep = FieldFilter(CaptureSettings(allow=("a", "b"), deny=("b",)))
    assert keep.kept({"a": 1, "b": 2, "c": 3}) == {"a": 1}
    drop = FieldFilter(CaptureSettings(deny=("5", "name")))
    assert drop.kept({5: "by number", "name": "x", "a": 1}) == {"a": 1}


def test_what_is_denied_is_not_even_looked_at() -> None:
    drop = FieldFilter(CaptureSettings(deny=("name",)))
    written, unfit = encode_event(fields(), {"name": Hostile(), "a": 1}, None, drop)
    assert (EVENT.decode(written).inputs, unfit) == ({"a": 1}, 0)


def hashed(value: object, key: str = "secret", name: str = "id") -> object:
    settings = CaptureSettings(hash=(name,), hash_key=key, allow=("other",))
    written, _ = encode_event(fields(), {name: value}, None, FieldFilter(settings))
    return EVENT.decode(written).inputs[name]


@given(st.text(st.characters()) | st.integers() | st.floats(allow_nan=False) | st.booleans())
def test_a_hashed_input_leaves_as_a_hash_that_only_the_key_can_repeat(
    value: str | float | bool,
) -> None:
    digest = hashed(value)
    if isinstance(value, float) and math.isinf(value):
        assert digest is None
        return
    assert isinstance(digest, str)
    assert len(digest) == 32
    assert digest == hashed(value)
    assert digest != hashed(value, key="another")
    assert digest == hashed(value, key="secret", name="named otherwise")


def test_equal_values_have_equal_hashes_and_unequal_ones_not() -> None:
    assert hashed(1) == hashed(1.0) == hashed(np.int64(1)) == hashed(np.float32(1))
    assert len({hashed(1), hashed("1"), hashed(True), hashed(1.5)}) == 4
    assert hashed(None) is hashed(math.nan) is None
    assert hashed("x", key="k" * 100) != hashed("x", key="k" * 101)


def test_a_hash_without_a_key_is_refused() -> None:
    with pytest.raises(SettingsError, match="hash_key"):
        Capture(Settings(), model="m", hash=["ssn"])
    with pytest.raises(SettingsError, match="hash_key"):
        Capture(Settings(capture=CaptureSettings(hash=("ssn",))))


@given(st.text(st.characters(), min_size=1), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_sample_holds_the_smaller_one(correlation_id: str, a: float, b: float) -> None:
    small, large = sorted((a, b))
    if Sampling(large).leaves_out(correlation_id):
        assert Sampling(small).leaves_out(correlation_id)
    assert not Sampling(1.0).leaves_out(correlation_id)
    assert Sampling(0.0).leaves_out(correlation_id)


def test_a_sample_has_the_share_asked_for() -> None:
    kept = sum(not Sampling(0.25).leaves_out(f"req-{n}") for n in range(10_000))
    assert 2_300 < kept < 2_700


def test_predictions_and_labels_of_one_request_share_its_fate() -> None:
    with Capture(
        bootstrap=NOBODY, model="m", version="1", sample=0.5, flush_timeout="1ms"
    ) as capture:
        for n in range(50):
            before = capture.counts
            (first, _) = capture.log([{"a": 1}, {"a": 2}], correlation_id=f"req-{n}")
            taken = capture.label(first, 1, correlation_id=f"req-{n}")
            out = capture.counts.sampled_out - before.sampled_out
            assert out == (0 if taken else 3)
        assert 0 < capture.counts.sampled_out < 150
        assert handed_over(capture.counts) == 150


def test_ids_sort_by_the_time_they_were_made_and_never_repeat() -> None:
    ids = EventIds(ManualClock())
    made = [ids() for _ in range(5_000)]
    others = {EventIds()() for _ in range(1_000)}
    assert len(set(made) | others) == 6_000
    assert {len(one) for one in made} == {26}
    earlier, later = EventIds(lambda: 1_000.001), EventIds(lambda: 1_000.002)
    assert max(earlier() for _ in range(100)) < min(later() for _ in range(100))


def test_settings_may_be_given_by_their_bare_names() -> None:
    capture = Capture(Settings(), bootstrap="kafka:9092", model="m", deny=["ssn"])
    assert capture.settings.kafka.bootstrap == "kafka:9092"
    assert capture.settings.capture.deny == ("ssn",)
    with pytest.raises(SettingsError, match=r"capture\.modell"):
        Capture(Settings(), modell="m")
    with pytest.raises(SettingsError, match=r"capture\.sample"):
        Capture(Settings(), sample=2.0)


def test_an_event_is_what_it_was_when_it_was_logged() -> None:
    inputs = {"a": 1}
    written, _ = encode_event(fields(), inputs, None, ALL)
    inputs["a"] = 2
    assert orjson.loads(written)["inputs"] == {"a": 1}

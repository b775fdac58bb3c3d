"""docs/records.md says what the records are: examples, fields, reasons, topics."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest

from driftlog.decode import decode_event, decode_label
from driftlog.records import (
    ACTION,
    ALERT,
    EVENT,
    LABEL,
    MARKER,
    REFERENCE,
    VERDICT,
    AlertSignal,
    Codec,
    Event,
    Label,
    Reason,
    SignalProfile,
    SignalVerdict,
)
from driftlog.records.tick import read_tick, tick
from driftlog.topics import CATALOGUE

PAGE = (Path(__file__).parents[2] / "docs" / "records.md").read_text(encoding="utf-8")
SECTIONS = {
    part.partition("\n")[0]: part.partition("\n")[2] for part in re.split(r"^## ", PAGE, flags=re.M)
}
CODECS: dict[str, Codec[Any]] = {
    "Event": EVENT,
    "Label": LABEL,
    "Verdict": VERDICT,
    "Marker": MARKER,
    "Reference": REFERENCE,
    "Alert": ALERT,
    "Action": ACTION,
}
PARTS: dict[str, type[msgspec.Struct]] = {
    "Verdict": SignalVerdict,
    "Reference": SignalProfile,
    "Alert": AlertSignal,
}


def example(section: str) -> Any:
    (found,) = re.findall(r"```json\n(.*?)```", SECTIONS[section], flags=re.S)
    return orjson.loads(found)


def table(section: str) -> list[str]:
    """Names in the first column of the section's tables."""
    return re.findall(r"^\| `(\w+)` \|", SECTIONS[section], flags=re.M)


@pytest.mark.parametrize("section", CODECS)
def test_each_example_is_read_by_its_codec_and_written_back(section: str) -> None:
    codec, held = CODECS[section], example(section)
    record = codec.decode(orjson.dumps(held))
    written = orjson.loads(codec.encode(record))
    usual = {
        field.name: field.default
        for field in msgspec.structs.fields(codec.record)
        if field.name in held and field.name not in written
    }
    assert written | usual == held


@pytest.mark.parametrize("section", CODECS)
def test_each_field_has_its_line(section: str) -> None:
    fields = [field.name for field in msgspec.structs.fields(CODECS[section].record)]
    if section in PARTS:
        fields += [field.name for field in msgspec.structs.fields(PARTS[section])]
    assert table(section) == [name for name in fields if name != "v"]


def test_the_general_path_takes_the_examples() -> None:
    assert isinstance(decode_event(orjson.dumps(example("Event"))), Event)
    assert isinstance(decode_label(orjson.dumps(example("Label"))), Label)
    held = example("Tick")
    assert read_tick(held) == held["ts_ms"]
    assert orjson.loads(tick(held["ts_ms"])) == held


def test_each_reason_has_its_line() -> None:
    assert table("Dead letters") == [reason.value for reason in Reason]
    assert example("Dead letters")["reason"] in list(Reason)


def test_each_topic_has_its_line() -> None:
    assert sorted(table("Topics")) == sorted(spec.name for spec in CATALOGUE)

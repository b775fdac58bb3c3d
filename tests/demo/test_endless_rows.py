"""The demo's quiet traffic stays quiet, however long it is kept up."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import cast

import pytest

from api.flights import Value, months
from api.model import FlightModel, Parameters, train
from demo.flights import endless_rows, quiet_rows, reference
from demo.stages import worker_environment
from driftlog.files import FileRow
from driftlog.records import EVENT, Event, Outputs
from driftlog.settings import load_settings
from stream.book import ReferenceBook
from stream.pipeline import Pipeline
from tests.e2e.expected import FileRecord

RATE = 120.0
SLICE = 1_000


@pytest.fixture(scope="module")
def model() -> FlightModel:
    return train(months(1, 2), Parameters(trees=5, leaf=50, rows=4_000))


def answered(model: FlightModel, rows: Iterable[FileRow]) -> Iterator[Event]:
    """Rows as the service logs them, evenly in time."""
    left = iter(rows)
    number = 0
    while part := list(islice(left, SLICE)):
        asked = [cast("Mapping[str, Value]", row.event.inputs) for row in part]
        for row, answer in zip(part, model.predict(asked), strict=True):
            yield Event(
                event_id=f"{number}",
                correlation_id=f"{number}",
                ts_ms=1_700_000_000_000 + int(number * 1000 / RATE),
                model=row.event.model,
                version=row.event.version,
                segment=str(row.event.inputs["origin"]),
                inputs=row.event.inputs,
                outputs=Outputs(
                    prediction=answer.prediction,
                    confidence=answer.confidence,
                    scores=answer.scores,
                ),
            )
            number += 1


def told(model: FlightModel, rows: Iterable[FileRow]) -> list[str]:
    """Titles of the incidents that the demo's worker would open."""
    settings = load_settings(Path(os.devnull), worker_environment("unused:9092", RATE))
    pipeline = Pipeline(settings, ReferenceBook([reference(model, RATE)]))
    records = (FileRecord(i, EVENT.encode(event)) for i, event in enumerate(answered(model, rows)))
    titles = []
    while batch := list(islice(records, SLICE)):
        titles += [alert.title for alert in pipeline.feed(batch).alerts]
    return titles + [alert.title for alert in pipeline.close().alerts]


def test_rows_beyond_the_last_of_the_file_are_new_and_raise_nothing(model: FlightModel) -> None:
    once = quiet_rows(model)
    beyond = len(once) + 8_000
    assert told(model, islice(endless_rows(model), beyond)) == []
    again = told(model, islice(chain(once, once), beyond))
    assert any("a second time" in title for title in again), "what sending them again looks like"

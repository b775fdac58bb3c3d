"""What the service takes and gives, as FastAPI tells it at ``/openapi.json``.

Every feature may be null or left out: a flight whose plane or weather is unknown is still asked
about. Unknown fields are refused, since among optional features a misspelt one would otherwise
pass for a missing value.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from api.flights import FEATURES, Value

MAX_INSTANCES = 1_000

# Strict, for "12" or true in place of a number is a client's mistake and not a 12 or a 1.
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)] | None
Text = Annotated[str, Field(max_length=64)] | None
TsMs = Annotated[int, Field(strict=True, ge=0, lt=2**53)] | None
Identifier = Annotated[str, Field(min_length=1, max_length=128)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Flight(_Request):
    """One flight, as it is known at its scheduled departure."""

    sched_dep_min: Number = Field(None, description="minutes after local midnight")
    sched_arr_min: Number = Field(None, description="minutes after midnight at the destination")
    distance: Number = Field(None, description="miles")
    hour_departures: Number = Field(None, description="scheduled there in the same hour")
    temp: Number = Field(None, description="degrees Fahrenheit")
    dewp: Number = Field(None, description="dew point, degrees Fahrenheit")
    humid: Number = Field(None, description="relative humidity, per cent")
    wind_dir: Number = Field(None, description="degrees")
    wind_speed: Number = Field(None, description="miles an hour")
    wind_gust: Number = Field(None, description="miles an hour; null without gusts")
    precip: Number = Field(None, description="inches an hour")
    pressure: Number = Field(None, description="millibars at sea level")
    visib: Number = Field(None, description="miles")
    plane_age: Number = Field(None, description="years")
    seats: Number = None
    engines: Number = None
    carrier: Text = Field(None, description="two-letter code, such as UA")
    origin: Text = Field(None, description="airport; the segment of the event")
    dest: Text = Field(None, description="airport")
    manufacturer: Text = Field(None, description="of the plane")
    ts_ms: TsMs = Field(
        None,
        description="event time, UTC milliseconds; for replaying the past only, default: now",
    )

    def inputs(self) -> dict[str, Value]:
        """The features that were sent; one left out stays out, so that its loss can be seen."""
        return self.model_dump(include=set(FEATURES), exclude_unset=True)


class Flights(_Request):
    """Several flights in one request: one event each, under one correlation id."""

    instances: Annotated[list[Flight], Field(min_length=1, max_length=MAX_INSTANCES)]


def _form(body: Any) -> str:
    many = isinstance(body, Flights) or (isinstance(body, dict) and "instances" in body)
    return "many" if many else "one"


# Told apart by ``instances``, so that an error speaks of the form that was meant.
PredictRequest = Annotated[
    Annotated[Flight, Tag("one")] | Annotated[Flights, Tag("many")], Discriminator(_form)
]

Label = Literal["late", "on_time"]


class Prediction(BaseModel):
    """What the model says of one flight; ``event_id`` is what its label has to name."""

    prediction: Label
    confidence: float
    scores: dict[str, float]
    event_id: str | None = Field(description="null when the service runs without capture")


class _Origin(BaseModel):
    model: str
    version: str
    correlation_id: str


class One(Prediction, _Origin):
    """The answer to one flight."""


class Many(_Origin):
    """The answers to several flights, in their order."""

    predictions: list[Prediction]


class Truth(_Request):
    """What became of a flight that was asked about."""

    event_id: Identifier
    label: Label
    correlation_id: Identifier | None = Field(
        None, description="of the prediction's answer; the label's key in the log"
    )
    ts_ms: TsMs = Field(None, description="when it became known; for replay only, default: now")


class Problem(BaseModel):
    """Why a request was not served."""

    error: str
    detail: str
    correlation_id: str | None = None

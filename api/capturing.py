"""What the service says of its requests to the event log: all that being watched takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

from api.flights import FEATURES
from api.model import Answer, FlightModel
from api.schemas import Flight, Truth

_TEXT_MAX = 256  # of a string in a refused request, which no schema has bounded


class Capturing(Protocol):
    """The part of ``driftlog.Capture`` that the service uses. It never raises and never waits."""

    def log(
        self,
        inputs: dict[str, Any],
        outputs: dict[str, Any] | None = None,
        *,
        model: str | None = None,
        version: str | None = None,
        segment: str | None = None,
        ts_ms: int | None = None,
        status: str = "ok",
        correlation_id: str | None = None,
    ) -> str:
        """Queue one event and return its id."""
        ...

    def label(
        self,
        event_id: str,
        label: str,
        *,
        correlation_id: str | None = None,
        ts_ms: int | None = None,
    ) -> bool:
        """Queue the truth of an earlier event and say whether there was room for it."""
        ...

    async def aflush(self) -> bool:
        """Wait until what was queued is sent, for a while; the middleware calls it at shutdown."""
        ...


class Events:
    """Requests and truths in the terms of the log. Without ``capture`` nothing leaves."""

    def __init__(self, capture: Capturing | None) -> None:
        self._capture = capture

    @property
    def kept(self) -> bool:
        """Whether there is a log that events go to."""
        return self._capture is not None

    def predicted(
        self,
        flights: Sequence[Flight],
        answers: Sequence[Answer] | None,
        model: FlightModel,
        correlation_id: str,
    ) -> Sequence[str | None]:
        """One event a flight; without answers, events of a failed request. Returns their ids."""
        if self._capture is None:
            return [None] * len(flights)
        outputs = [None] * len(flights) if answers is None else [_outputs(one) for one in answers]
        return [
            self._capture.log(
                flight.inputs(),
                output,
                model=model.name,
                version=model.version,
                segment=flight.origin,
                ts_ms=flight.ts_ms,
                status="error" if output is None else "ok",
                correlation_id=correlation_id,
            )
            for flight, output in zip(flights, outputs, strict=True)
        ]

    def refused(self, body: Any, model: FlightModel, correlation_id: str) -> None:
        """One event for a request that the schema refuses, with what an event can hold of it."""
        if self._capture is None:
            return
        held = body if isinstance(body, dict) else {}
        inputs = {name: held[name] for name in FEATURES if name in held and _fits(held[name])}
        self._capture.log(
            inputs,
            model=model.name,
            version=model.version,
            status="rejected",
            correlation_id=correlation_id,
        )

    def became_known(self, truth: Truth) -> bool:
        """The truth of an event; False where it is not kept."""
        return self._capture is not None and self._capture.label(
            truth.event_id,
            truth.label,
            correlation_id=truth.correlation_id,
            ts_ms=truth.ts_ms,
        )


def _outputs(answer: Answer) -> dict[str, Any]:
    return {
        "prediction": answer.prediction,
        "confidence": answer.confidence,
        "scores": answer.scores,
    }


def _fits(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= _TEXT_MAX
    if isinstance(value, int):
        return abs(value) < 2**53
    return value is None or (isinstance(value, float) and math.isfinite(value))

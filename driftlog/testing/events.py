"""Valid events and labels with seeded values, in the wire format of version 1."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any, Final

import orjson

__all__ = ["EventFactory"]

_CARRIERS: Final = ("UA", "AA", "DL", "WN")
_CARRIER_WEIGHTS: Final = (40, 30, 20, 10)


class EventFactory:
    """Makes events of one model, one after another; the same seed makes the same events.

    The inputs are ``distance`` (normal, mean 1000, sd 200), ``temp`` (normal, mean 15, sd 8; null
    in one of 20), ``carrier`` (four levels, 40/30/20/10 %) and ``holiday`` (true in one of 10).
    Keyword arguments of ``event`` replace top-level fields; ``inputs`` are merged, so that a
    test names only what it is about.

    Args:
        model: the model's name.
        version: the model's version.
        seed: of all values; also part of the ids, so that two factories never share one.
        start_ms: event time of the first event, milliseconds since 1970.
        step_ms: milliseconds between events.

    >>> events = EventFactory(seed=7, start_ms=0, step_ms=500)
    >>> events.event(inputs={"distance": -1.0})["inputs"]["distance"]
    -1.0
    >>> [event["ts_ms"] for event in events.events(2)]
    [500, 1000]
    """

    def __init__(
        self,
        model: str = "flight-delay",
        version: str = "1",
        *,
        seed: int = 0,
        start_ms: int = 1_732_100_000_000,
        step_ms: int = 100,
    ) -> None:
        self._model = model
        self._version = version
        self._seed = seed
        self._next_ms = start_ms
        self._step_ms = step_ms
        # Reproducible on purpose; nothing here is a secret.
        self._random = Random(f"{model}@{version}#{seed}")  # noqa: S311
        self._count = 0

    def event(self, **fields: Any) -> dict[str, Any]:
        """Return the next event as a JSON object."""
        number, self._count = self._count, self._count + 1
        ts_ms, self._next_ms = self._next_ms, self._next_ms + self._step_ms
        late = round(self._random.betavariate(2, 5), 4)
        name = f"{self._model}-{self._version}-{self._seed}-{number:08d}"
        event: dict[str, Any] = {
            "v": 1,
            "event_id": f"ev-{name}",
            "correlation_id": f"req-{name}",
            "ts_ms": ts_ms,
            "model": self._model,
            "version": self._version,
            "role": "live",
            "inputs": self._inputs() | fields.pop("inputs", {}),
            "outputs": {
                "prediction": "late" if late > 0.5 else "on_time",
                "confidence": max(late, 1 - late),
                "scores": {"late": late, "on_time": 1 - late},
            },
            "latency_ms": round(self._random.lognormvariate(1.0, 0.4), 3),
            "status": "ok",
        }
        return event | fields

    def events(self, count: int, **fields: Any) -> Iterator[dict[str, Any]]:
        """Yield the next ``count`` events."""
        return (self.event(**dict(fields)) for _ in range(count))

    def json(self, **fields: Any) -> bytes:
        """Return the next event as the bytes of a record's value."""
        return orjson.dumps(self.event(**fields))

    def label(
        self, event: dict[str, Any], label: str | None = None, **fields: Any
    ) -> dict[str, Any]:
        """Return the label of an event, an hour after it.

        Args:
            event: an event of this factory.
            label: the true outcome; without it, drawn with the odds of the event's scores.
            fields: replace top-level fields.
        """
        if label is None:
            scores = event["outputs"]["scores"]
            label = self._random.choices(list(scores), weights=list(scores.values()))[0]
        made: dict[str, Any] = {
            "v": 1,
            "event_id": event["event_id"],
            "correlation_id": event["correlation_id"],
            "label": label,
            "ts_ms": event["ts_ms"] + 3_600_000,
        }
        return made | fields

    def _inputs(self) -> dict[str, Any]:
        draw = self._random
        return {
            "distance": round(draw.gauss(1000.0, 200.0), 1),
            "temp": None if draw.random() < 0.05 else round(draw.gauss(15.0, 8.0), 1),
            "carrier": draw.choices(_CARRIERS, weights=_CARRIER_WEIGHTS)[0],
            "holiday": draw.random() < 0.1,
        }

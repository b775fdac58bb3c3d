"""RED metrics of the service (rate, errors, duration) and what its model answers.

``api_requests_total`` by status class gives rate and errors, the histogram p50, p95 and p99 by
``histogram_quantile``. All series that can be known in advance start at 0, so that the first
error is an increase and not the birth of a series.
"""

from __future__ import annotations

from collections.abc import Iterable
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.model import CLASSES, Answer, FlightModel
from driftlog.serving import exemplar

STATUS_CLASSES = ("2xx", "3xx", "4xx", "5xx")
ERROR_KINDS = ("validation", "exception", "unavailable", "refused")
LATENCY_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_CORRELATION_ID = b"x-correlation-id"  # set by the capture's middleware, further inside
CONFIDENCE = tuple(round(0.5 + 0.05 * step, 2) for step in range(1, 11))


class Red:
    """The metrics of one app, in a registry of its own."""

    def __init__(self, registry: CollectorRegistry, endpoints: Iterable[str] = ()) -> None:
        # Else every series is doubled by the moment it was made, which nobody reads here.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library leaves it untyped
        self.registry = registry
        self._requests = Counter(
            "api_requests",
            "Requests answered, by route and status class.",
            ["endpoint", "status"],
            registry=registry,
        )
        self._duration = Histogram(
            "api_request_duration_seconds",
            "From the request's arrival to the last byte of the answer.",
            ["endpoint"],
            buckets=LATENCY_S,
            registry=registry,
        )
        self._in_flight = Gauge(
            "api_requests_in_flight", "Requests being answered.", registry=registry
        )
        self._errors = Counter(
            "api_errors",
            "Requests that failed, by what failed: validation, exception, unavailable or refused.",
            ["kind"],
            registry=registry,
        )
        self._predictions = Counter(
            "api_predictions", "Flights predicted, by class.", ["prediction"], registry=registry
        )
        self._confidence = Histogram(
            "api_prediction_confidence_ratio",
            "Score of the predicted class.",
            buckets=CONFIDENCE,
            registry=registry,
        )
        self._labels = Counter("api_labels", "True labels taken in.", registry=registry)
        self._info = Gauge(
            "api_model_info",
            "The loaded model; the value is always 1.",
            ["model", "version"],
            registry=registry,
        )
        for endpoint in endpoints:
            self._duration.labels(endpoint)
            for status in STATUS_CLASSES:
                self._requests.labels(endpoint, status)
        for kind in ERROR_KINDS:
            self._errors.labels(kind)
        for prediction in CLASSES:
            self._predictions.labels(prediction)

    def loaded(self, model: FlightModel) -> None:
        """The model that answers from now on."""
        self._info.labels(model.name, model.version).set(1)

    def failed(self, kind: str) -> None:
        """A request failed for one of ``ERROR_KINDS``."""
        self._errors.labels(kind).inc()

    def predicted(self, answers: Iterable[Answer]) -> None:
        """Answers that were given."""
        for answer in answers:
            self._predictions.labels(answer.prediction).inc()
            self._confidence.observe(answer.confidence)

    def labelled(self) -> None:
        """A true label was taken in."""
        self._labels.inc()

    def arrived(self) -> None:
        """A request came in; ``answered`` must follow."""
        self._in_flight.inc()

    def answered(
        self, endpoint: str, status: int, seconds: float, correlation_id: str = ""
    ) -> None:
        """A request is over; its correlation id is shown beside the bucket of its duration."""
        self._in_flight.dec()
        self._requests.labels(endpoint, f"{status // 100}xx").inc()
        self._duration.labels(endpoint).observe(seconds, exemplar(correlation_id))


class RedMiddleware:
    """Measures each HTTP request from outside all else that runs in the app."""

    def __init__(self, app: ASGIApp, red: Red) -> None:
        self._app = app
        self._red = red

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request and measure it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # An app that ends without an answer has failed, whether it raises or not.
        status, correlation_id = 500, ""

        async def watched(message: Message) -> None:
            nonlocal status, correlation_id
            if message["type"] == "http.response.start":
                status = message["status"]
                told = dict(message.get("headers", ())).get(_CORRELATION_ID, b"")
                correlation_id = bytes(told).decode("latin-1")
            await send(message)

        started = perf_counter()
        self._red.arrived()
        try:
            await self._app(scope, receive, watched)
        finally:
            # The route as written, never the path as sent: anybody can invent paths.
            endpoint = getattr(scope.get("route"), "path", "other")
            self._red.answered(endpoint, status, perf_counter() - started, correlation_id)

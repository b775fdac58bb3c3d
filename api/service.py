"""The example inference service: a model behind HTTP that sends what it is asked to the log.

``create_app`` makes the app. What being watched adds to it is one middleware, and the lines that
speak of ``events``; all else would be there without driftlog.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any, cast
from uuid import uuid4

from fastapi import Body, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.exceptions import HTTPException

from api.capturing import Capturing, Events
from api.faults import Faults
from api.model import FlightModel
from api.red import Red, RedMiddleware
from api.schemas import Flight, Many, One, Prediction, PredictRequest, Problem, Truth
from driftlog.asgi import CaptureMiddleware, correlation_id
from driftlog.capture import Capture
from driftlog.printable import printable
from driftlog.serving import Guard, Policy
from driftlog.serving.headers import SECURITY_HEADERS

log = logging.getLogger(__name__)

PROBES = ("/healthz", "/readyz")
_FAULTS = 10  # told of a request; who sent more mends these first
_PLACE = 100  # letters of a field's name, which the client may have invented
ENDPOINTS = ("/predict", "/labels", "/healthz", "/readyz", "/metrics")
Loader = Callable[[], FlightModel]


def create_app(
    model: FlightModel | Loader,
    capture: Capturing | None = None,
    *,
    registry: CollectorRegistry | None = None,
    faults: Faults | None = None,
    policy: Policy | None = None,
) -> FastAPI:
    """The service as an app object, for ``uvicorn.run`` or a test client.

    Args:
        model: what answers; or a function that loads it, called in a thread once the app has
            started. Until it returns the service is alive and not ready.
        capture: where events and labels go; without it nothing leaves the service.
        registry: takes the metrics of ``/metrics``; default: one of its own for each app.
        faults: turned by its holder to slow the service, to make it fail, or to take it away.
        policy: who may ask, and how much; probes are open. Without it the app asks nobody, which
            is for tests and for the loopback alone.
    """
    service = _Service(
        Red(registry or CollectorRegistry(), ENDPOINTS), Events(capture), faults or Faults()
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        loading = asyncio.create_task(service.load(model)) if callable(model) else None
        yield
        if loading is not None:
            await loading

    app = FastAPI(
        title="flight-delay",
        summary="Will this flight depart more than fifteen minutes late?",
        lifespan=lifespan,
        # Their pages would run a content network's scripts with the rights of who looks at them;
        # /openapi.json has the same for any viewer.
        docs_url=None,
        redoc_url=None,
    )
    if not callable(model):
        service.use(model)
    problems: dict[int | str, dict[str, Any]] = {
        code: {"model": Problem} for code in (422, 500, 503)
    }
    app.add_api_route(
        "/predict",
        service.predict,
        methods=["POST"],
        response_model=None,
        responses={200: {"model": One | Many}, **problems},
    )
    app.add_api_route(
        "/labels",
        service.label,
        methods=["POST"],
        response_model=None,
        status_code=202,
        responses={code: problems[code] for code in (422, 503)},
    )
    app.add_api_route("/healthz", service.alive)
    app.add_api_route("/readyz", service.ready, response_model=None, responses={503: problems[503]})
    app.add_api_route("/metrics", service.metrics, response_model=None, include_in_schema=False)
    app.add_exception_handler(RequestValidationError, service.refuse)
    app.add_exception_handler(HTTPException, service.decline)
    app.add_exception_handler(Exception, service.fail)
    if capture is not None:
        # Failures are logged by the handlers, which know the inputs and the model. Of the capture
        # the middleware then asks no more than ``aflush``.
        app.add_middleware(CaptureMiddleware, capture=cast("Capture", capture), log_failures=False)
    if policy is not None:
        app.add_middleware(
            Guard,
            policy=policy,
            open_paths=PROBES,
            refused=lambda _status: service.red.failed("refused"),
        )
    app.add_middleware(RedMiddleware, red=service.red)  # last added, so it measures all the others
    return app


class _Service:
    """The handlers, and what they share."""

    def __init__(self, red: Red, events: Events, faults: Faults) -> None:
        self.red = red
        self._events = events
        self._faults = faults
        self._model: FlightModel | None = None
        self._waiting_for = "the model is being loaded"

    async def load(self, loader: Loader) -> None:
        """Fetch or train the model beside the event loop; a failure leaves the app not ready."""
        try:
            self.use(await asyncio.to_thread(loader))
        except Exception:
            log.exception("the model could not be loaded")
            self._waiting_for = "the model could not be loaded: the service's log says why"

    def use(self, model: FlightModel) -> None:
        """Answer with ``model`` from now on."""
        self._model = model
        self.red.loaded(model)
        log.info("model %s version %s answers", model.name, model.version)

    async def predict(self, request: Request, body: Annotated[PredictRequest, Body()]) -> Response:
        """Predict one flight, or each of ``instances``."""
        own_id = _correlation_id(request)
        model = self._model
        if model is None or self._faults.outage:
            return self._unavailable(own_id)
        flights = [body] if isinstance(body, Flight) else body.instances
        try:
            await self._faults.strike()
            answers = model.predict([flight.inputs() for flight in flights])
        except Exception:
            log.exception("request %s failed", own_id)
            self._events.predicted(flights, None, model, own_id)
            return self._failed(own_id)
        event_ids = self._events.predicted(flights, answers, model, own_id)
        self.red.predicted(answers)
        predictions = [
            Prediction(
                prediction=answer.prediction,
                confidence=answer.confidence,
                scores=answer.scores,
                event_id=event_id,
            )
            for answer, event_id in zip(answers, event_ids, strict=True)
        ]
        origin = {"model": model.name, "version": model.version, "correlation_id": own_id}
        given: One | Many
        if isinstance(body, Flight):
            given = One(**predictions[0].model_dump(), **origin)
        else:
            given = Many(predictions=predictions, **origin)
        return Response(given.model_dump_json(), media_type="application/json")

    async def label(self, request: Request, truth: Truth) -> Response:
        """Take in what became of a flight."""
        if not self._events.kept:
            detail = "labels go to the event log: start the service with capture"
            return _problem(503, "unavailable", detail, _correlation_id(request))
        accepted = self._events.became_known(truth)
        self.red.labelled()
        return JSONResponse({"event_id": truth.event_id, "accepted": accepted}, 202)

    async def alive(self) -> dict[str, str]:
        """Whether the process answers; nothing else is asked of it."""
        return {"status": "alive"}

    async def ready(self) -> Response:
        """Whether predictions can be had."""
        if self._model is None or self._faults.outage:
            return _problem(503, "unavailable", self._why_not())
        return JSONResponse(
            {"status": "ready", "model": self._model.name, "version": self._model.version}
        )

    async def metrics(self, request: Request) -> Response:
        """All metrics, in the exposition format that the reader prefers."""
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(self.red.registry), media_type=content_type)

    async def refuse(self, request: Request, error: Exception) -> Response:
        """A request that the schema refuses: say each field and what is wrong with it."""
        invalid = cast("RequestValidationError", error)
        own_id = self._count_refusal(request, invalid.body)
        # The values that were sent are left out: they may be large, secret or no JSON.
        errors = invalid.errors()
        faults = [f"{_place(each['loc'])}: {each['msg']}" for each in errors[:_FAULTS]]
        if len(errors) > _FAULTS:
            faults.append(f"and {len(errors) - _FAULTS} more")
        return _problem(422, "invalid request", "; ".join(faults), own_id)

    async def decline(self, request: Request, error: Exception) -> Response:
        """What the framework itself declines: no such path or method, or a body it cannot read."""
        declined = cast("HTTPException", error)
        if declined.status_code == 400:
            own_id = self._count_refusal(request, None)
        else:
            own_id = _correlation_id(request)
        answer = _problem(declined.status_code, "invalid request", declined.detail, own_id)
        answer.headers.update(declined.headers or {})
        return answer

    async def fail(self, request: Request, _error: Exception) -> Response:
        """An error that no handler foresaw; the server logs it, the client learns nothing of it."""
        answer = self._failed(_correlation_id(request))
        # This one handler runs outside of all middleware, and so of the guard.
        answer.headers.update({n.decode(): v.decode() for n, v in SECURITY_HEADERS.items()})
        return answer

    def _count_refusal(self, request: Request, body: Any) -> str:
        self.red.failed("validation")
        own_id = _correlation_id(request)
        if self._model is not None and request.url.path == "/predict":
            self._events.refused(body, self._model, own_id)
        return own_id

    def _why_not(self) -> str:
        return "an outage is being injected" if self._faults.outage else self._waiting_for

    def _unavailable(self, own_id: str) -> Response:
        self.red.failed("unavailable")
        answer = _problem(503, "unavailable", self._why_not(), own_id)
        answer.headers["Retry-After"] = "1"
        return answer

    def _failed(self, own_id: str) -> Response:
        self.red.failed("exception")
        detail = "the service could not answer; its log has the reason under the correlation id"
        return _problem(500, "internal error", detail, own_id)


def _problem(status: int, error: str, detail: str, own_id: str | None = None) -> Response:
    problem = Problem(error=error, detail=detail, correlation_id=own_id)
    return Response(problem.model_dump_json(), status, media_type="application/json")


def _place(loc: Sequence[int | str]) -> str:
    """Where in the body an error is, such as ``instances.3.temp``."""
    # Ahead of it stand the part of the request and which of the two forms was meant.
    parts = [str(part) for part in loc if part not in ("body", "one", "many")]
    place = printable(".".join(parts)) or "body"
    return place if len(place) <= _PLACE else f"{place[: _PLACE - 1]}…"


def _correlation_id(request: Request) -> str:
    """The request's id: of the middleware, or without capture the client's or a new one."""
    given: str | None = correlation_id.get(None)
    if given is not None:
        return given
    named = request.headers.get("x-correlation-id", "")
    sane = 0 < len(named) <= 128 and named.isascii() and named.isprintable()
    return named if sane else str(uuid4())

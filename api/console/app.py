"""The console as an app: pages, the same as JSON, streams of news, and what people do.

Everything that is served by name goes by one table (`routes`), so that names with slashes and other
signs, percent-encoded, lead to the same view everywhere. Nothing here asks another site.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import quote

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, StreamingResponse
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from api.console import rendering
from api.console.acting import Act, RefusedError, basic_user
from api.console.fleet import page_fields
from api.console.hub import Hub
from api.console.routes import PATHS
from api.console.runbooks import runbook
from api.console.streaming import FullError
from api.console.views import ActionRow, Page
from driftlog import __version__
from driftlog.serving import Guard, Policy, known

__all__ = ["API", "PROBES", "create_console", "openapi"]

API: Final = "/api/v1"
PROBES: Final = ("/livez", "/readyz")
# Everything comes from here; styles and scripts are files, and nobody may frame a page.
_PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HTML: Final = {"Content-Security-Policy": _PAGE_POLICY}


def create_console(hub: Hub, policy: Policy | None = None) -> FastAPI:
    """The console as an app object; it follows the log while it is served.

    Args:
        hub: what it shows.
        policy: who may ask, and how much; probes are open. None: anybody, for tests alone.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with hub.running():
            yield

    app = FastAPI(
        title="driftlog console",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    serving = _Console(hub)
    app.add_api_route("/livez", serving.alive)
    app.add_api_route("/readyz", serving.ready, response_model=None)
    app.mount("/static", _Static(directory=rendering.STATIC))
    app.add_api_route("/favicon.ico", serving.favicon, response_model=None)
    app.add_api_route("/stream", serving.stream, response_model=None)
    app.add_api_route("/runbooks/{name}", serving.runbook, response_model=None)
    app.add_api_route(f"{API}/openapi.json", serving.schema, response_model=None)
    app.add_api_route(f"{API}/docs", serving.docs, response_model=None)
    app.add_api_route(f"{API}/actions", serving.act, methods=["POST"], response_model=None)
    # No route of the framework's: its patterns stop at a line feed in a name.
    app.router.default = serving.named
    app.add_exception_handler(HTTPException, serving.decline)
    app.add_exception_handler(Exception, serving.fail)
    if policy is not None:
        app.add_middleware(Guard, policy=policy, open_paths=PROBES)
    return app


class _Static(StaticFiles):
    """Files of a release; those that are asked for by digest are never asked for again."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Serve one."""
        answer = await super().get_response(path, scope)
        named = scope.get("query_string", b"").startswith(b"v=")
        answer.headers["Cache-Control"] = (
            "public, max-age=31536000, immutable" if named else "no-cache"
        )
        if path.endswith(".svg"):
            answer.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'self'"
        return answer


class _Console:
    """The handlers."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def alive(self) -> dict[str, str]:
        """Whether the process answers."""
        return {"status": "alive"}

    async def ready(self, request: Request) -> Response:
        """Whether the log's past has been read; to strangers no more than yes or no."""
        hub = self._hub
        told: dict[str, object] = {"ready": hub.ready}
        if known(request.scope):
            told["waiting"] = hub.following.waiting
        return JSONResponse(told, 200 if hub.ready else 503)

    async def favicon(self) -> Response:
        """What browsers ask for by themselves."""
        state = self._hub.known().freshness.state
        name = "ok" if state == "live" else state.replace(" ", "-")
        return RedirectResponse(f"/static/icons/{name}.svg", 307)

    async def named(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What is served by its name: pages, and the same as JSON."""
        request = Request(scope, receive)
        data = request.url.path.startswith(f"{API}/")
        if scope["method"] not in ("GET", "HEAD"):
            answer = _problem(405, "this is there to be read")
        else:
            answer = self.data(request) if data else self.page(request)
        await answer(scope, receive, send)

    def page(self, request: Request) -> Response:
        """A page, complete."""
        link = _link(request)
        view = self._hub.view(link)
        if view is None or link.partition("?")[0] == "/fleet":
            return self._error(404, "There is nothing of this name, or nothing any more.")
        return HTMLResponse(rendering.page(view), headers=_HTML)

    def data(self, request: Request) -> Response:
        """The same as JSON."""
        view = self._hub.view(_link(request).removeprefix(API) or "/")
        if view is None:
            return _problem(404, "there is nothing of this name, or nothing any more")
        return Response(msgspec.json.encode(view), media_type="application/json")

    async def stream(self, request: Request) -> Response:
        """News of one page; see `streaming`."""
        link = request.query_params.get("page", "/")
        if self._hub.view(link) is None:
            return _problem(404, "there is no such page")
        try:
            self._hub.streaming.check()
        except FullError as full:
            answer = _problem(503, str(full))
            answer.headers["Retry-After"] = "10"
            return answer
        return StreamingResponse(
            self._hub.streaming.follow(link),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    async def runbook(self, name: str) -> Response:
        """What to do about an alert."""
        body = runbook(name)
        if body is None:
            return self._error(404, "There is no such runbook.")
        view = Page(**page_fields(self._hub.known(), name, f"/runbooks/{quote(name)}"))
        safe = Markup(body)  # noqa: S704 - of our own files, raw HTML switched off
        return HTMLResponse(rendering.plain_page(view, "runbook.html", body=safe), headers=_HTML)

    async def act(self, request: Request) -> Response:
        """Take what a person does."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":  # what a form of another site can send is never that
            return _problem(415, "send JSON, and say so in Content-Type")
        try:
            act = msgspec.json.decode(await request.body(), type=Act)
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            return _problem(422, f"no action: {exc}")
        user = basic_user(request.headers.get("authorization"))
        known_user = user if self._hub.settings.http.username else None
        try:
            action = await self._hub.acting.do(act, self._hub.known(), known_user)
        except RefusedError as refused:
            return _problem(refused.status, str(refused))
        return Response(msgspec.json.encode(action), 201, media_type="application/json")

    async def schema(self) -> Response:
        """What `/api/v1` answers, as OpenAPI."""
        return JSONResponse(openapi())

    async def docs(self) -> Response:
        """The same for people: whatever shows OpenAPI would have to be loaded from elsewhere."""
        return RedirectResponse(f"{API}/openapi.json", 307)

    async def decline(self, request: Request, error: Exception) -> Response:
        """What the framework itself declines."""
        assert isinstance(error, HTTPException)
        if request.url.path.startswith((API, "/stream")):
            return _problem(error.status_code, str(error.detail))
        return self._error(error.status_code, str(error.detail))

    async def fail(self, _request: Request, _error: Exception) -> Response:
        """An error that no handler foresaw; the server logs it."""
        answer = _problem(500, "the console could not answer; its log says why")
        answer.headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"
        return answer

    def _error(self, status: int, words: str) -> Response:
        view = Page(**page_fields(self._hub.known(), str(status), "/"))
        html = rendering.plain_page(view, "error.html", status=status, words=words)
        return HTMLResponse(html, status, headers=_HTML)


def _link(request: Request) -> str:
    """The path and query as they were sent: an encoded slash is part of a name."""
    raw: bytes = request.scope.get("raw_path") or quote(request.scope["path"]).encode()
    path = raw.partition(b"?")[0].decode("latin-1")
    query = request.scope.get("query_string", b"").decode("latin-1")
    return f"{path}?{query}" if query else path


def _problem(status: int, detail: str) -> Response:
    return JSONResponse({"error": _ERRORS.get(status, "error"), "detail": detail}, status)


_ERRORS: Final = {
    404: "not found",
    405: "method not allowed",
    409: "busy",
    415: "unsupported media type",
    422: "invalid request",
    500: "internal error",
    501: "not implemented",
    503: "unavailable",
}


def openapi() -> dict[str, Any]:
    """The document of ``/api/v1``, made of the views themselves."""
    kinds = [*dict.fromkeys(PATHS.values()), Act, ActionRow]
    _, components = msgspec.json.schema_components(
        kinds, ref_template="#/components/schemas/{name}"
    )
    paths: dict[str, Any] = {}
    for path, view in PATHS.items():
        names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
        asked = ("query", "page") if view.__name__ in ("Fleet", "Incidents", "Events") else ()
        paths[f"{API}{path}"] = {
            "get": {
                "summary": (view.__doc__ or "").partition("\n")[0],
                "operationId": path.strip("/").replace("/", "_").replace("{", "").replace("}", ""),
                "parameters": [
                    *(_parameter(name, "path", required=True) for name in names),
                    *(_parameter(name, "query", required=False) for name in asked),
                ],
                "responses": {
                    "200": _answer(view.__name__, "as the page of the same path shows it"),
                    "404": {"description": "nothing of this name"},
                },
            }
        }
    paths[f"{API}/actions"] = {
        "post": {
            "summary": "Acknowledge, silence, note, or accept as the new usual.",
            "operationId": "act",
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Act"}}},
            },
            "responses": {
                "201": {"description": "written: the record as it is on the topic of actions"},
                "404": {"description": "no such incident"},
                "422": {"description": "what was sent is no such action"},
                "503": {"description": "the broker is away"},
            },
        }
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "driftlog console", "version": __version__},
        "paths": paths,
        "components": {"schemas": components},
    }


def _parameter(name: str, place: str, *, required: bool) -> dict[str, Any]:
    return {"name": name, "in": place, "required": required, "schema": {"type": "string"}}


def _answer(name: str, words: str) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{name}"}
    return {"description": words, "content": {"application/json": {"schema": schema}}}

"""Requests to a model service, which answers by itself and writes the events."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import httpx
import orjson

from driftlog.errors import InputError
from driftlog.records import Nested
from producers.outgoing import LabelOut, Outgoing, Tally

__all__ = ["HttpSink"]

_ATTEMPTS = 6
_LONGEST_WAIT = 5.0  # seconds between attempts
_SHOWN = 200  # characters of an answer that a message repeats
# The request has not been taken, so sending it again makes no second event.
_NOT_TAKEN = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_BUSY = (429, 503)


class HttpSink:
    """Posts inputs to ``/predict`` and labels to ``/labels``, under the event's correlation id.

    A request that was surely not taken (no connection, 429, 503) is sent again, a few times. One
    whose answer was lost is not: the service may have written its event. Every other answer than
    2xx is a failure, counted under its status.

    Args:
        url: the service's, as ``http://127.0.0.1:8000``; a path other than / is used as it is. One
            that asks who is calling takes ``http://name:password@host:port``.
        concurrency: requests under way at once.
        batch: rows in one request; more than 1 are sent as ``{"instances": [...]}``, under the
            correlation id of the first.
        keep_time: each row carries its time as ``ts_ms``, which the service must understand.
        timeout: seconds for one request.
        backoff: seconds before the second attempt; doubles with each.

    Raises:
        InputError: the URL is none of HTTP.
    """

    def __init__(
        self,
        url: str,
        *,
        concurrency: int = 16,
        batch: int = 1,
        keep_time: bool = False,
        timeout: float = 30.0,
        backoff: float = 0.1,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            shown = "a URL with a password" if "@" in url else repr(url)
            raise InputError(f"--to holds {shown}; it may hold kafka or a URL as http://host:port")
        # Kept apart from the URL, which every message about a request repeats.
        auth = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        parts = parts._replace(netloc=parts.netloc.rpartition("@")[2])
        if concurrency < 1 or batch < 1:
            raise InputError(f"concurrency ({concurrency}) and batch ({batch}) must be 1 or more")
        path = parts.path if parts.path.strip("/") else "/predict"
        self.url = urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))
        self.labels_url = urlunsplit(
            (parts.scheme, parts.netloc, path.rsplit("/", 1)[0] + "/labels", "", "")
        )
        self._batch = batch
        self._keep_time = keep_time
        self._backoff = backoff
        self._room = asyncio.Semaphore(concurrency)
        self._client = httpx.AsyncClient(
            timeout=timeout,
            auth=auth,
            limits=httpx.Limits(max_connections=concurrency),
            trust_env=False,  # a proxy for the world outside is none for a service under test
        )
        self._under_way: set[asyncio.Task[None]] = set()
        self._event_ids: dict[int, str] = {}  # position -> the service's id, until its label

    async def open(self) -> None:
        """Nothing to do: the first request connects."""

    async def send(self, items: Sequence[Outgoing], tally: Tally) -> None:
        """Send events; waits while ``concurrency`` requests are under way."""
        for start in range(0, len(items), self._batch):
            await self._start(self._predict(items[start : start + self._batch], tally))

    async def send_labels(self, items: Sequence[LabelOut], tally: Tally) -> None:
        """Send labels, once their events have been answered."""
        if any(item.position not in self._event_ids for item in items):
            await self.flush()
        for item in items:
            event_id = self._event_ids.pop(item.position, None)
            if event_id is None:
                tally.labels_lost(
                    [item], "no event id", "the service gave no event_id for the label's event"
                )
            else:
                await self._start(self._label(item, event_id, tally))

    async def close_panes(self, ts_ms: int) -> None:
        """Refuse: only who writes to the log can say that it has ended."""
        raise InputError("--close writes to the log; a replay through HTTP cannot. Use --to kafka")

    async def flush(self) -> None:
        """Wait until every request has been answered or has failed."""
        while self._under_way:
            await asyncio.wait(list(self._under_way))

    async def close(self) -> None:
        """Give up what is under way and disconnect."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self._client.aclose()

    async def _start(self, work: Any) -> None:
        try:
            await self._room.acquire()
        except asyncio.CancelledError:
            work.close()
            raise
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._room.release()

    async def _predict(self, items: Sequence[Outgoing], tally: Tally) -> None:
        rows = [self._body(item) for item in items]
        body = rows[0] if self._batch == 1 else {"instances": rows}
        try:
            answer = await self._post(self.url, body, items[0].event.correlation_id)
        except httpx.HTTPError as exc:
            not_taken = isinstance(exc, _NOT_TAKEN)
            tally.lost(items, type(exc).__name__, f"{self.url}: {exc}", again=not_taken)
            return
        except asyncio.CancelledError:
            tally.lost(items, "given up", "the replay was ended before the answer")
            raise
        if answer.is_success:
            for item, event_id in zip(items, _event_ids(answer, len(items)), strict=True):
                if event_id is not None and tally.journal.labels.wanted(item.position):
                    self._event_ids[item.position] = event_id
            tally.acknowledged(items)
            return
        tally.lost(
            items,
            f"HTTP {answer.status_code}",
            f"{self.url}: {answer.text[:_SHOWN]}",
            again=answer.status_code in _BUSY,
        )

    def _body(self, item: Outgoing) -> dict[str, Any]:
        body: dict[str, Any] = {
            name: {} if isinstance(value, Nested) else value
            for name, value in item.event.inputs.items()
        }
        if self._keep_time:
            body["ts_ms"] = item.event.ts_ms
        return body

    async def _label(self, item: LabelOut, event_id: str, tally: Tally) -> None:
        body = {
            "event_id": event_id,
            "correlation_id": item.label.correlation_id,
            "label": item.label.label,
        }
        if self._keep_time:
            body["ts_ms"] = item.label.ts_ms
        try:
            answer = await self._post(self.labels_url, body, item.label.correlation_id)
        except httpx.HTTPError as exc:
            tally.labels_lost([item], type(exc).__name__, f"{self.labels_url}: {exc}")
            return
        if answer.is_success:
            tally.labels_acknowledged([item])
        else:
            name = f"HTTP {answer.status_code}"
            tally.labels_lost([item], name, f"{self.labels_url}: {answer.text[:_SHOWN]}")

    async def _post(self, url: str, body: Any, correlation_id: str) -> httpx.Response:
        headers = {"X-Correlation-ID": correlation_id, "Content-Type": "application/json"}
        content = orjson.dumps(body)
        for attempt in range(1, _ATTEMPTS + 1):
            wait = min(_LONGEST_WAIT, self._backoff * 2 ** (attempt - 1))
            try:
                answer = await self._client.post(url, content=content, headers=headers)
            except _NOT_TAKEN:
                if attempt == _ATTEMPTS:
                    raise
            else:
                if answer.status_code not in _BUSY or attempt == _ATTEMPTS:
                    return answer
                asked = answer.headers.get("retry-after", "")
                wait = min(_LONGEST_WAIT, float(asked)) if asked.isdecimal() else wait
            await asyncio.sleep(wait)
        raise AssertionError("the last attempt returns or raises")


def _event_ids(answer: httpx.Response, count: int) -> list[str | None]:
    """The service's ids of the events, None where it gives none: other services may not."""
    try:
        held = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        held = None
    rows = held.get("predictions", [held]) if isinstance(held, dict) else []
    if not isinstance(rows, list) or len(rows) != count:
        return [None] * count
    ids = [row.get("event_id") if isinstance(row, dict) else None for row in rows]
    return [one if isinstance(one, str) else None for one in ids]

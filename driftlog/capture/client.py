"""The client that a watched service logs with."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self, overload

from driftlog.capture import lifetime
from driftlog.capture.channel import Channel
from driftlog.capture.counts import CaptureCounts
from driftlog.capture.encoder import encode_event, encode_label
from driftlog.capture.field_filter import FieldFilter
from driftlog.capture.ids import EventIds
from driftlog.capture.request import Request, current_request, make_correlation_id
from driftlog.capture.request import correlation_id as ambient_id
from driftlog.capture.sampling import Sampling
from driftlog.capture.settings import capture_settings
from driftlog.errors import ContractError
from driftlog.kafka import connection
from driftlog.records import Role, Value
from driftlog.settings import Settings

__all__ = ["Capture"]

Cells = Mapping[str, Any]


class Capture:
    """Logs what a model was asked and what it answered to the event log, and never gets in the way.

    ``log`` and ``label`` may be called from any thread, task or framework. They only encode and
    put into a bounded buffer; one background thread sends. While the broker is slow or away the
    service does not notice: events are held, then dropped, and counted. Nothing that is wrong with
    the data of a call is raised: it is counted and warned of, on the logger ``driftlog.capture``.

    The thread starts with the first record. After a fork the child begins anew, with an empty
    buffer and counts of zero; what the parent holds, the parent sends. What is held at the end of
    the process is sent for at most ``capture.flush_timeout``; a process that ends without running
    its exit handlers (a signal, ``os._exit``, a ``multiprocessing`` child) must ``close`` itself.

    >>> with Capture(model="demo", version="1", sample=0.0) as capture:
    ...     event_id = capture.log({"distance": 1400.0}, {"prediction": "late"})
    ...     capture.counts.sampled_out
    1

    Args:
        settings: the whole settings; None: ``driftlog.toml`` and ``DRIFTLOG_*``.
        overrides: single settings of the sections capture and kafka by their bare names, such as
            ``model="flight-delay"``, ``version="3"``, ``bootstrap="kafka:9092"``, ``deny=["ssn"]``.

    Raises:
        SettingsError: a setting is unknown or holds what it may not.
    """

    def __init__(self, settings: Settings | None = None, **overrides: Any) -> None:
        self.settings = capture_settings(settings, overrides)
        self._filter = FieldFilter(self.settings.capture)
        self._sampling = Sampling(self.settings.capture.sample)
        self._connection = connection(self.settings.kafka)
        self._begin()
        lifetime.watch(self, self._begin)

    def _begin(self) -> None:
        """Make what no two processes may share: at first, and in each forked child."""
        self._ids = EventIds()
        self._channel = Channel(self.settings, self._connection)

    # ---- what a service calls

    @overload
    def log(
        self,
        inputs: Cells,
        outputs: Cells | None = None,
        *,
        model: str | None = None,
        version: str | None = None,
        segment: str | None = None,
        ts_ms: int | None = None,
        latency_ms: float | None = None,
        status: str = "ok",
        role: Role = "live",
        correlation_id: str | None = None,
        event_id: str | None = None,
    ) -> str: ...

    @overload
    def log(
        self,
        inputs: Sequence[Cells],
        outputs: Sequence[Cells] | Cells | None = None,
        *,
        model: str | None = None,
        version: str | None = None,
        segment: str | Sequence[str] | None = None,
        ts_ms: int | Sequence[int] | None = None,
        latency_ms: float | None = None,
        status: str = "ok",
        role: Role = "live",
        correlation_id: str | None = None,
        event_id: Sequence[str] | None = None,
    ) -> list[str]: ...

    def log(
        self,
        inputs: Cells | Sequence[Cells],
        outputs: Cells | Sequence[Cells] | None = None,
        *,
        model: str | None = None,
        version: str | None = None,
        segment: str | Sequence[str] | None = None,
        ts_ms: int | Sequence[int] | None = None,
        latency_ms: float | None = None,
        status: str = "ok",
        role: Role = "live",
        correlation_id: str | None = None,
        event_id: str | Sequence[str] | None = None,
    ) -> str | list[str]:
        """Log one prediction, or a list of them, and return the event id, or a list of them.

        Values may be numbers, texts, booleans or None, also of numpy; NaN becomes null. Any other
        value is logged as null and counted in ``unfit_cells``.

        Args:
            inputs: name to value, or a list of such.
            outputs: ``prediction``, ``confidence`` and ``scores`` (class to probability), all
                optional; with a list of inputs a list of the same length, or one for all.
            model: None: ``capture.model``.
            version: None: ``capture.version``.
            segment: of all, or a list with one for each.
            ts_ms: event time, ms since 1970; of all, or a list with one for each. None: now.
            latency_ms: None: within a request, from its start to this call; else none.
            status: ``ok``, ``error``, ``timeout``, ``rejected`` or an HTTP code.
            role: ``live`` or ``shadow``.
            correlation_id: None: that of the request being served; outside of one, each event's is
                its own event id, so that ``label`` needs the event id alone.
            event_id: of each; None: new ones.
        """
        request = current_request.get()
        if request is not None:
            request.logged = True
            if latency_ms is None:
                latency_ms = request.elapsed_ms()
        correlation_id = correlation_id or ambient_id.get()
        if ts_ms is None:
            ts_ms = int(time.time() * 1000)
        every = {
            "v": 1,
            "event_id": "",
            "correlation_id": correlation_id,
            "ts_ms": ts_ms,
            "model": model or self.settings.capture.model,
            "version": version or self.settings.capture.version,
            "segment": segment,
            "role": role,
            "latency_ms": latency_ms,
            "status": status,
        }
        if not isinstance(inputs, (list, tuple)):
            return self._log(every, inputs, outputs, str(event_id or self._ids()))
        rows = len(inputs)
        ids = [self._ids() for _ in inputs]
        try:
            ids = [str(one) for one in _each("event_id", event_id, rows)] if event_id else ids
            segments, times = _each("segment", segment, rows), _each("ts_ms", ts_ms, rows)
            answers = _each("outputs", outputs, rows)
        except ContractError as exc:
            self._channel.count_failed(rows, exc)
            return ids
        for i in range(rows):
            fields = every | {"segment": segments[i], "ts_ms": times[i]}
            ids[i] = self._log(fields, inputs[i], answers[i], ids[i])
        return ids

    def label(
        self,
        event_id: str,
        label: Value,
        *,
        correlation_id: str | None = None,
        model: str | None = None,
        version: str | None = None,
        segment: str | None = None,
        prediction: Value = None,
        prediction_ts_ms: int | None = None,
        ts_ms: int | None = None,
    ) -> bool:
        """Log the truth of one event, and return whether it was taken into the buffer.

        Args:
            event_id: as ``log`` returned it.
            label: what was true.
            correlation_id: of the event: needed if it was logged within a request, for label and
                event to meet in one partition and to be sampled alike. None: the event id.
            model: with version, prediction and its time the label needs no join.
            version: of the model that predicted.
            segment: of the event.
            prediction: what was predicted.
            prediction_ts_ms: event time of the prediction.
            ts_ms: when the truth was known, ms since 1970; None: now.
        """
        channel = self._channel
        try:
            correlation_id = str(correlation_id or event_id)
            if self._sampling.leaves_out(correlation_id):
                channel.count_sampled_out()
                return False
            fields = {
                "v": 1,
                "event_id": str(event_id),
                "correlation_id": correlation_id,
                "label": label,
                "ts_ms": int(time.time() * 1000) if ts_ms is None else ts_ms,
                "model": model,
                "version": _text(version),
                "segment": _text(segment),
                "prediction": prediction,
                "prediction_ts_ms": prediction_ts_ms,
            }
            return channel.put_label(correlation_id, encode_label(fields))
        except Exception as exc:  # whatever the data do, the service goes on
            channel.count_failed(1, exc)
            return False

    @contextlib.contextmanager
    def request(
        self, correlation_id: str | None = None, *, log_failures: bool = True
    ) -> Iterator[str]:
        """Serve one request without the ASGI middleware; gives its correlation id.

        Events logged inside share the id and have the time since its start as their latency. An
        exception that leaves it before anything was logged is logged as a failed request.
        """
        request = Request()
        known = correlation_id or make_correlation_id()
        tokens = ambient_id.set(known), current_request.set(request)
        try:
            yield known
        except Exception:
            if log_failures and not request.logged:
                self.log({}, status="error")
            raise
        finally:
            ambient_id.reset(tokens[0])
            current_request.reset(tokens[1])

    # ---- account and end

    @property
    def counts(self) -> CaptureCounts:
        """What became of everything logged so far, in this process."""
        return self._channel.counts()

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until nothing logged before is held any more; return whether it came so.

        Args:
            timeout: seconds; None: ``capture.flush_timeout``.
        """
        return self._channel.flush(timeout)

    def close(self, timeout: float | None = None) -> None:
        """Flush, then end the thread. What was not sent in time is dropped; so is all logged later.

        In a coroutine use ``aclose``: this one waits. Closing twice does nothing.
        """
        self._channel.close(timeout)

    async def aflush(self, timeout: float | None = None) -> bool:
        """Do as ``flush``, without holding up the event loop."""
        return await asyncio.to_thread(self.flush, timeout)

    async def aclose(self, timeout: float | None = None) -> None:
        """Do as ``close``, without holding up the event loop."""
        await asyncio.to_thread(self.close, timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self.aclose()

    # ---- inside

    def _log(self, fields: dict[str, Any], inputs: Any, outputs: Any, event_id: str) -> str:
        channel = self._channel
        try:
            fields["event_id"] = event_id
            correlation_id = fields["correlation_id"] = str(fields["correlation_id"] or event_id)
            if self._sampling.leaves_out(correlation_id):
                channel.count_sampled_out()
                return event_id
            for name in ("model", "version"):
                if not fields[name]:
                    raise ContractError(f"no {name}: pass {name}= or set capture.{name}")
                fields[name] = str(fields[name])
            fields["segment"] = _text(fields["segment"])
            fields["status"] = str(fields["status"])
            value, unfit = encode_event(fields, inputs, outputs, self._filter)
            if unfit:
                channel.count_unfit(unfit, fields["model"])
            channel.put_event(correlation_id, value)
        except Exception as exc:  # whatever the data do, the service goes on
            channel.count_failed(1, exc)
        return event_id


def _text(given: object) -> str | None:
    return None if given is None else str(given)


def _each(name: str, given: Any, rows: int) -> Sequence[Any]:
    """Return one value for each row: a list is taken as it is, anything else holds for all.

    Raises:
        ContractError: the list has another length.
    """
    if not isinstance(given, (list, tuple)):
        return [given] * rows
    if len(given) != rows:
        raise ContractError(f"{name} has {len(given)} items for {rows} rows of inputs")
    return given

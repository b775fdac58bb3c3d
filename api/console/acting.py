"""What people do: acknowledge, silence, note, accept as the new usual. Each is a record on the log.

Nothing is changed but by writing to ``actions``, acknowledged by all replicas: the topic is the
audit, and the console shows what it reads back from it. Acknowledgement, silence and note leave the
incident as it is. Accepting builds a reference from the log's rows since the onset and puts it into
effect at the next pane, as ``driftlog reference accept`` does.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Annotated, Final, Literal

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from api.console.known import Known
from driftlog.errors import BrokerError, DriftlogError
from driftlog.kafka import connection, reason
from driftlog.records import ACTION, Action, Alert
from driftlog.settings import KafkaSettings

__all__ = ["Accept", "Act", "Acting", "RefusedError", "basic_user"]

_LONGEST_SILENCE_MS: Final = 90 * 86_400_000
_WRITE_S: Final = 15.0

Name = Annotated[str, msgspec.Meta(max_length=100)]
Id = Annotated[str, msgspec.Meta(max_length=256)]
# Model, version, alert id, who, and a note; returns the action as it was written.
Accept = Callable[[str, str, str, str, str], Awaitable[Action]]


class Act(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of ``POST /api/v1/actions``."""

    action: Literal["acknowledge", "silence", "accept_reference", "note"]
    alert_id: Id  # the incident it is about
    by: Name = ""  # who; not needed, and not believed, where a login tells
    note: Annotated[str, msgspec.Meta(max_length=2_000)] = ""
    until_ms: int | None = None  # clock: end of a silence; one that has passed ends a silence
    version: Id | None = None  # of accept_reference; none: the incident's only one
    model: Id | None = None  # checked against the incident's, where given


class RefusedError(Exception):
    """An action that is not taken: the status to answer with, and why."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class Acting:
    """Checks what people ask for, and writes it.

    Args:
        kafka: where the topic is.
        accept: builds a reference and puts it into effect; none: that cannot be asked for.
        now_ms: the clock, milliseconds since 1970.
    """

    def __init__(
        self, kafka: KafkaSettings, accept: Accept | None, now_ms: Callable[[], int]
    ) -> None:
        self._kafka = kafka
        self._accept = accept
        self._now_ms = now_ms
        self._accepting = asyncio.Lock()

    async def do(self, act: Act, known: Known, user: str | None) -> Action:
        """Do what is asked for; when this returns it is on the log.

        Args:
            act: what, checked as to its form.
            known: the incidents.
            user: who has logged in, where that is known.

        Raises:
            RefusedError: it cannot be done; says why.
        """
        by = user if user is not None else act.by.strip()
        if not by or not by.isprintable():
            raise RefusedError(422, "by is who does it: a name without control characters")
        found = known.history.incidents.get(act.alert_id)
        if found is None or act.model not in (None, found.alert.model):
            raise RefusedError(404, "there is no such incident (any more)")
        if act.action == "accept_reference":
            return await self._accepted(act, found.alert, by)
        now = self._now_ms()
        until = None
        if act.action == "silence":
            until = act.until_ms
            if until is None or not 0 <= until <= now + _LONGEST_SILENCE_MS:
                raise RefusedError(
                    422, "until_ms is the end of the silence, at most 90 days from now"
                )
        if act.action == "note" and not act.note.strip():
            raise RefusedError(422, "a note needs words")
        action = Action(
            action=act.action,
            model=found.alert.model,
            by=by,
            at_ms=now,
            alert_id=act.alert_id,
            until_ms=until,
            note=act.note.strip(),
        )
        await self._write(action)
        return action

    async def _accepted(self, act: Act, alert: Alert, by: str) -> Action:
        if self._accept is None:
            raise RefusedError(
                501, "this console cannot build references: 'driftlog reference accept'"
            )
        version = act.version or (alert.versions[0] if len(alert.versions) == 1 else None)
        if version not in alert.versions:
            raise RefusedError(
                422, f"version is one of the incident's: {', '.join(alert.versions)}"
            )
        if self._accepting.locked():
            raise RefusedError(409, "another reference is being built: try again when it is done")
        async with self._accepting:
            try:
                return await self._accept(alert.model, version, alert.alert_id, by, act.note)
            except BrokerError as exc:
                raise RefusedError(503, str(exc)) from exc
            except DriftlogError as exc:
                raise RefusedError(422, str(exc)) from exc

    async def _write(self, action: Action) -> None:
        arguments = connection(self._kafka)
        topic = f"{self._kafka.prefix}actions"
        producer = AIOKafkaProducer(
            acks="all", enable_idempotence=True, request_timeout_ms=10_000, **arguments
        )
        try:
            async with asyncio.timeout(_WRITE_S):
                await producer.start()
                value, key = ACTION.encode(action), action.model.encode()
                await producer.send_and_wait(topic, value, key=key)
        except TimeoutError as exc:
            told = "the broker has not said that it is written; look at the actions before again"
            raise RefusedError(503, told) from exc
        except (KafkaError, OSError) as exc:
            raise RefusedError(503, f"not written: {await reason(arguments, exc)}") from exc
        finally:
            with suppress(TimeoutError, KafkaError):
                async with asyncio.timeout(_WRITE_S):
                    await producer.stop()


def basic_user(authorization: str | None) -> str | None:
    """The name of a login by basic auth, which the guard has let in; None of any other.

    >>> basic_user("Basic YWRhOnNlY3JldA=="), basic_user("Bearer x"), basic_user(None)
    ('ada', None, None)
    """
    scheme, _, held = (authorization or "").strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(held.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    return text.partition(":")[0] or None

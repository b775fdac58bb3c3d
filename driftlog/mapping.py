"""Reads JSON that is not ours as if it were: where in it each field of an event is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from driftlog.errors import SettingsError
from driftlog.settings import MappingSettings

__all__ = ["FieldMapping"]

_OWN: Final = {
    "event_id": "event_id",
    "correlation_id": "correlation_id",
    "ts": "ts_ms",
    "model": "model",
    "version": "version",
    "segment": "segment",
    "inputs": "inputs",
    "prediction": "outputs.prediction",
    "confidence": "outputs.confidence",
    "latency_ms": "latency_ms",
    "status": "status",
}
_FIXED: Final = ("model", "version")
_FAILED_FROM: Final = 400  # HTTP
_ABSENT: Final = object()

Path = tuple[str, ...]


class FieldMapping:
    """The ``[mapping]`` settings, made ready: foreign object in, object of ours out.

    A path names object keys by dots; a number names an element of an array; a key that itself
    holds dots is found when it is the whole rest of the path. A path that leads nowhere leaves
    the field absent, and the checks of the contract then say so. Identifiers, model, version,
    segment and status may be whole numbers; a status that is an HTTP code below 400 is ``ok``.

    Raises:
        SettingsError: a path is malformed, or a fixed name stands where none may.
    """

    def __init__(self, settings: MappingSettings) -> None:
        self._paths: dict[str, Path] = {}
        self._names: dict[str, str] = {}
        self._ts_unit = settings.ts_unit
        self.active = settings != MappingSettings()
        for field, own in _OWN.items():
            held = getattr(settings, field) or own
            if held.startswith("="):
                if field not in _FIXED or not held[1:].strip():
                    raise SettingsError(f"mapping.{field}", held, _may_hold(field))
                self._names[field] = held[1:]
                continue
            path = tuple(held.split("."))
            if not all(path):
                raise SettingsError(f"mapping.{field}", held, _may_hold(field))
            self._paths[field] = path

    def event(self, held: Mapping[str, Any], fallback_id: str = "") -> dict[str, Any]:
        """Return the fields of an event of ours; values of a wrong type are left as they are.

        Args:
            held: the decoded object.
            fallback_id: the event id where the object has none, such as topic, partition, offset.
        """
        found = {field: _at(held, path) for field, path in self._paths.items()} | self._names
        event_id = _as_text(found["event_id"])
        if event_id is _ABSENT and fallback_id:
            event_id = fallback_id
        correlation_id = _as_text(found["correlation_id"])
        event = {
            "v": 1,
            "event_id": event_id,
            "correlation_id": event_id if correlation_id is _ABSENT else correlation_id,
            "ts_ms": self._time(found["ts"]),
            "model": _as_text(found["model"]),
            "version": _as_text(found["version"]),
            "segment": _as_text(found["segment"]),
            "inputs": found["inputs"],
            "latency_ms": found["latency_ms"],
            "status": _status(found["status"]),
        }
        outputs = {
            name: found[name] for name in ("prediction", "confidence") if found[name] is not _ABSENT
        }
        if outputs:
            event["outputs"] = outputs
        return {field: value for field, value in event.items() if value is not _ABSENT}

    def _time(self, value: Any) -> Any:
        if self._ts_unit == "iso":
            return _iso_ms(value) if isinstance(value, str) else value
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return value
        scale = 1000 if self._ts_unit == "s" else 1
        # Seconds are mostly written with decimals; both units may come as 1.7e12.
        return round(value * scale) if abs(value) < 2**53 else value


def _may_hold(field: str) -> str:
    fixed = ", or =NAME for a fixed name" if field in _FIXED else ""
    return f"a dotted path such as data.{field}{fixed}"


def _at(held: Any, path: Path) -> Any:
    for depth, key in enumerate(path):
        if isinstance(held, dict):
            rest = ".".join(path[depth:])
            if rest in held:
                return held[rest]
            if key not in held:
                return _ABSENT
            held = held[key]
        elif isinstance(held, list) and key.isdecimal() and int(key) < len(held):
            held = held[int(key)]
        else:
            return _ABSENT
    return held


def _as_text(value: Any) -> Any:
    if value is None:
        return _ABSENT
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _status(value: Any) -> Any:
    text = _as_text(value)
    if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) == len("200"):
        return "ok" if int(text) < _FAILED_FROM else text
    return text


def _iso_ms(text: str) -> Any:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text  # the checks of the contract name it as a wrong type
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000

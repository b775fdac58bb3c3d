"""From ``driftlog.toml`` and ``DRIFTLOG_*`` to one frozen object, read in this one place."""

from __future__ import annotations

import difflib
import math
import os
import re
import tomllib
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from driftlog.errors import SettingsError
from driftlog.settings.catalogue import CATALOGUE, Entry
from driftlog.settings.duration import Duration
from driftlog.settings.schema import Settings

__all__ = ["ALIASES", "Held", "held_settings", "load_settings"]

ALIASES = {"DRIFTLOG_KAFKA": "kafka.bootstrap"}
_SECRETIVE = re.compile("pas|pw|key|secret|token|hash|sasl|jaas|cred|auth", re.IGNORECASE)
_BOOTSTRAP = re.compile(r"[^\s,@/=;\"'\\]*")  # addresses; no URL, no line of JAAS
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # what a header can carry (RFC 6750)
_TOKEN_LENGTH, _PASSWORD_LENGTH = 16, 8  # less is guessed
_LONGEST_SESSION = 300_000  # ms; a dead worker's partitions stand still for so long
_CONFIG_VARIABLE = "DRIFTLOG_CONFIG"  # path of the file, when it is not ./driftlog.toml


@dataclass(frozen=True, slots=True)
class Held:
    """What a source holds for a setting, as it is written there."""

    value: Any
    origin: str  # the file's path, or the environment variable


def load_settings(
    path: Path | None = None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """Read the settings: defaults, then the file, then the environment, then ``overrides``.

    Args:
        path: the TOML file; none: ``$DRIFTLOG_CONFIG``, else ``driftlog.toml`` where it exists.
        environ: stands in for the process's environment.
        overrides: dotted key to value, as a command line gives them.

    Raises:
        SettingsError: a key is unknown or holds what it may not; names key, value and mend.
    """
    held = {key: one.value for key, one in held_settings(path, environ).items()}
    held.update({key: value for key, value in (overrides or {}).items() if value is not None})
    tree: dict[str, dict[str, Any]] = {}
    for key, value in held.items():
        entry = CATALOGUE.get(key)
        if entry is None:
            raise SettingsError(
                key, _shown(key, value), f"nothing: there is no such key{_near(key)}"
            )
        tree.setdefault(entry.section, {})[entry.name] = _convert(entry, value)
    settings = msgspec.convert(tree, Settings, dec_hook=lambda _kind, value: value)
    _check_together(settings)
    return settings


def held_settings(
    path: Path | None = None, environ: Mapping[str, str] | None = None
) -> dict[str, Held]:
    """Return what file and environment hold, by dotted key; the environment wins.

    Keys and values of the file are as written there: `load_settings` judges them.

    Raises:
        SettingsError: the file cannot be read, or a variable is unknown.
    """
    environ = os.environ if environ is None else environ
    return {**_from_file(path, environ), **_from_environment(environ)}


def _from_file(path: Path | None, environ: Mapping[str, str]) -> dict[str, Held]:
    named = path or (Path(environ[_CONFIG_VARIABLE]) if environ.get(_CONFIG_VARIABLE) else None)
    found = named or Path("driftlog.toml")
    if named is None and not found.exists():
        return {}
    try:
        tree = tomllib.loads(found.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise SettingsError(str(found), str(exc), "a readable TOML file") from exc
    flat: dict[str, Held] = {}
    for section, values in tree.items():
        if not isinstance(values, dict):
            raise SettingsError(
                section, _shown(section, values), "a [section] with keys of its own"
            )
        flat |= {f"{section}.{name}": Held(value, str(found)) for name, value in values.items()}
    return flat


def _from_environment(environ: Mapping[str, str]) -> dict[str, Held]:
    known = {entry.variable: key for key, entry in CATALOGUE.items()} | ALIASES
    flat = {}
    for name, value in environ.items():
        if not name.startswith("DRIFTLOG_") or name == _CONFIG_VARIABLE:
            continue
        if name not in known:
            raise SettingsError(name, _shown(name, value), "nothing: there is no such variable")
        flat[known[name]] = Held(value, name)
    return flat


def _convert(entry: Entry, held: Any) -> Any:
    if isinstance(held, str):
        held = _from_text(entry.kind, held)
    try:
        if entry.is_duration and not isinstance(held, Duration):
            return Duration.parse(held)
        return msgspec.convert(held, entry.annotated, dec_hook=lambda _kind, value: value)
    except (msgspec.ValidationError, ValueError) as exc:
        shown = "..." if entry.secret else held
        raise SettingsError(entry.key, shown, f"{entry.may_hold} ({exc})") from exc


def _from_text(kind: Any, text: str) -> Any:
    """Read an environment variable as the type that its setting has."""
    origin = typing.get_origin(kind)
    if origin is tuple:
        return [part.strip() for part in text.split(",") if part.strip()]
    if origin is dict:
        pairs = (part.partition("=") for part in text.split(",") if part.strip())
        each = typing.get_args(kind)[1]
        return {key.strip(): _from_text(each, value.strip()) for key, _, value in pairs}
    if kind is bool:
        return {"true": True, "false": False}.get(text.strip().lower(), text)
    if kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            return text
    return text


def _shown(name: str, held: Any) -> Any:
    """Return what an unknown name held, unless it may be a secret under a misspelt name."""
    if not isinstance(held, str | int | float) or _SECRETIVE.search(f"{name} {held}"):
        return "..."
    return "..." if "@" in str(held) else held  # an address with a password in it


def _near(key: str) -> str:
    close = difflib.get_close_matches(key, list(CATALOGUE), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _check_together(settings: Settings) -> None:
    stream = settings.stream
    if stream.future_skew > stream.allowed_lateness / 2:
        raise SettingsError(
            "stream.future_skew",
            str(stream.future_skew),
            f"at most half of stream.allowed_lateness ({stream.allowed_lateness}): one row from "
            "the future would make punctual ones late",
        )
    timezone = settings.models.timezone
    if timezone != "UTC":
        try:
            ZoneInfo(timezone)
        except (ValueError, OSError, ZoneInfoNotFoundError) as exc:
            raise SettingsError(
                "models.timezone", timezone, "a time zone of this machine, such as Europe/Berlin"
            ) from exc
    if stream.pane < 1:
        raise SettingsError("stream.pane", str(stream.pane), "a duration of 1ms or more")
    if not 100 <= settings.worker.session_timeout <= _LONGEST_SESSION:
        raise SettingsError(
            "worker.session_timeout",
            str(settings.worker.session_timeout),
            "a duration from 100ms to 5m; brokers take 6s or more unless set otherwise "
            "(group.min.session.timeout.ms)",
        )
    for name, threshold in settings.detection.thresholds.items():
        if not 0.0 < threshold < math.inf:
            raise SettingsError(f"detection.thresholds.{name}", threshold, "a number above 0")
    if settings.kafka.security_protocol.startswith("SASL") and not settings.kafka.sasl_username:
        raise SettingsError("kafka.sasl_username", "", "a name, with a SASL protocol")
    _check_credentials(settings)
    if settings.capture.hash and not settings.capture.hash_key:
        raise SettingsError("capture.hash_key", "", "a secret, when capture.hash names inputs")


def _check_credentials(settings: Settings) -> None:
    """Refuse credentials that cannot work or are easily guessed, and those in the wrong place.

    None of the messages shows what was held.
    """
    http = settings.http
    addresses = (one.strip() for one in settings.kafka.bootstrap.split(","))
    if not all(map(_BOOTSTRAP.fullmatch, addresses)):
        # It is told in errors, by doctor and in logs; people paste URLs with a password in them.
        raise SettingsError(
            "kafka.bootstrap",
            "...",
            "host:port, by commas, with neither scheme nor user: these are "
            "kafka.security_protocol, kafka.sasl_username and kafka.sasl_password",
        )
    for token in http.tokens:
        if len(token) < _TOKEN_LENGTH or not _TOKEN.fullmatch(token):
            raise SettingsError(
                "http.tokens",
                "...",
                f"tokens of {_TOKEN_LENGTH} or more letters, digits and -._~+/, such as "
                "'openssl rand -hex 24' makes",
            )
    if bool(http.username) != bool(http.password):
        lacking = "http.password" if http.username else "http.username"
        raise SettingsError(lacking, "", "a text, where the other of name and password is set")
    if http.username and len(http.password) < _PASSWORD_LENGTH:
        raise SettingsError("http.password", "...", f"{_PASSWORD_LENGTH} or more characters")

"""Scenarios as YAML, read strictly."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from driftlog.errors import InputError
from driftlog.files.spec import near
from producers.scenario.catalogue import KINDS
from producers.scenario.kind import InjectionSpec, Kind, Place

__all__ = ["Scenario", "parse_scenario", "read_scenario"]

_PLACES = "a row (12000), a share of the rows (0.5 or 50%) or an event time (2013-03-16T06:00:00Z)"
_MAX_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Scenario:
    """Injections in their order, with a name; ``seed`` None leaves it to the command."""

    name: str
    injections: tuple[InjectionSpec, ...] = ()
    seed: int | None = None


def read_scenario(path: Path) -> Scenario:
    """Read a scenario file.

    Raises:
        InputError: it cannot be read, or a key holds what it may not; names key, value and mend.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(f"scenario {path} has more than {_MAX_BYTES} bytes")
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as exc:
        raise InputError(f"scenario {path} cannot be read: {exc}") from exc
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        raise InputError(f"scenario {path} is not YAML: {exc}") from exc
    return parse_scenario(tree, str(path))


def parse_scenario(tree: object, source: str) -> Scenario:
    """Check a parsed scenario; ``source`` is named in errors."""
    top = _table(tree, source, ("name", "seed", "injections"))
    name, seed = top.get("name", source), top.get("seed")
    if not isinstance(name, str):
        raise _wrong(f"{source}: name", name, "a text")
    if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool)):
        raise _wrong(f"{source}: seed", seed, "a whole number")
    listed = top.get("injections")
    if not isinstance(listed, list) or not listed:
        raise _wrong(f"{source}: injections", listed, "a list of at least one injection")
    specs = [_injection(one, f"{source}: injections[{i}]") for i, one in enumerate(listed)]
    return Scenario(name, tuple(specs), seed)


def _injection(tree: object, where: str) -> InjectionSpec:
    held = _table(tree, where, None)
    name = held.get("kind")
    if name not in KINDS:
        hint = near(name, KINDS) if isinstance(name, str) else ""
        raise _wrong(f"{where}.kind", name, "one of " + ", ".join(KINDS) + hint)
    kind = KINDS[name]
    known = ("kind", "name", "start", "end", "strength", "signals", *kind.options)
    _table(tree, where, known)
    options = {}
    for key, option in {"strength": kind.strength, **kind.options}.items():
        value = held.get(key, option.default)
        if not option.accepts(value):
            raise _wrong(f"{where}.{key}", value, option.may_hold)
        options[key] = value
    given = held.get("name", "")
    if not isinstance(given, str):
        raise _wrong(f"{where}.name", given, "a text")
    return InjectionSpec(
        kind=name,
        strength=float(options.pop("strength")),
        signals=_signals(held.get("signals", ()), kind, f"{where}.signals"),
        start=_place(held.get("start", 0.5), f"{where}.start"),
        end=_place(held.get("end", 1.0), f"{where}.end"),
        options=options,
        name=given,
    )


def _signals(held: object, kind: Kind, where: str) -> tuple[str, ...]:
    least, most = kind.signals
    signals = [held] if isinstance(held, str) else held
    may_hold = "a list of names of inputs"
    if most == 0:
        may_hold = "nothing: this kind has no signals to choose"
    elif least == most:
        may_hold = f"the names of {least} inputs"
    if not isinstance(signals, (list, tuple)):
        raise _wrong(where, held, may_hold)
    names = tuple(one for one in signals if isinstance(one, str))
    if len(set(names)) < len(signals) or not least <= len(names) <= most:
        raise _wrong(where, held, may_hold)
    return names


def _place(held: object, where: str) -> Place:
    if isinstance(held, str) and held.endswith("%"):
        try:
            held = float(held[:-1]) / 100
        except ValueError:
            raise _wrong(where, held, _PLACES) from None
    elif isinstance(held, str):
        try:
            held = datetime.datetime.fromisoformat(held)
        except ValueError:
            raise _wrong(where, held, _PLACES) from None
    if isinstance(held, datetime.datetime):
        return held
    if isinstance(held, datetime.date):
        return datetime.datetime(held.year, held.month, held.day, tzinfo=datetime.UTC)
    if isinstance(held, int) and not isinstance(held, bool) and held >= 0:
        return held
    if isinstance(held, float) and 0 <= held <= 1:
        return held
    raise _wrong(where, held, _PLACES)


def _table(held: object, where: str, known: Sequence[str] | None) -> dict[str, Any]:
    if not isinstance(held, dict):
        raise _wrong(where, held, "keys and values")
    for key in held:
        if not isinstance(key, str) or (known is not None and key not in known):
            may = "a text" if known is None else "one of " + ", ".join(known)
            raise _wrong(f"{where}: a key", key, may)
    return held


def _wrong(key: str, held: object, may_hold: str) -> InputError:
    return InputError(f"{key} holds {held!r}; it may hold {may_hold}")

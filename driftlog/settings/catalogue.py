"""The settings as data: what the loader, the docs and ``driftlog settings`` share."""

from __future__ import annotations

import typing
from dataclasses import dataclass
from typing import Any

import msgspec

from driftlog.settings.duration import Duration
from driftlog.settings.schema import SECRETS, Settings

__all__ = ["CATALOGUE", "Entry"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One setting."""

    section: str
    name: str
    annotated: Any  # the type with its bounds
    kind: Any  # the bare type
    default: Any
    says: str

    @property
    def key(self) -> str:
        """Dotted key, as in an error."""
        return f"{self.section}.{self.name}"

    @property
    def variable(self) -> str:
        """Environment variable that sets it."""
        return f"DRIFTLOG_{self.section}_{self.name}".upper()

    @property
    def secret(self) -> bool:
        """Whether the value must never be shown."""
        return self.key.rpartition(".")[2] in SECRETS

    @property
    def is_duration(self) -> bool:
        """Whether it is written like ``10s``."""
        return self.kind is Duration

    @property
    def may_hold(self) -> str:
        """What the setting may hold, in words."""
        if self.is_duration:
            return "a duration such as 500ms, 10s or 1h"
        if typing.get_origin(self.kind) is typing.Literal:
            return "one of " + ", ".join(map(str, typing.get_args(self.kind)))
        names = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
        if self.kind in names:
            return names[self.kind] + _bounds(self.annotated)
        if typing.get_origin(self.kind) is dict:
            is_number = typing.get_args(self.kind)[1] is float
            return "a table of name = number" if is_number else "a table of name = type"
        for each in typing.get_args(self.kind):
            if typing.get_origin(each) is typing.Literal:
                return "some of " + ", ".join(typing.get_args(each))
        return "a list of texts"


def _bounds(annotated: Any) -> str:
    words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    said = [
        f"{text} {getattr(meta, bound)}"
        for meta in getattr(annotated, "__metadata__", ())
        for bound, text in words.items()
        if getattr(meta, bound, None) is not None
    ]
    return ", " + " and ".join(said) if said else ""


def _entries() -> dict[str, Entry]:
    found = {}
    for section in msgspec.structs.fields(Settings):
        struct = type(section.default)
        for item in msgspec.structs.fields(struct):
            says = [
                m.description
                for m in getattr(item.type, "__metadata__", ())
                if m.description is not None
            ]
            kind = item.type
            while hasattr(kind, "__metadata__"):
                kind = kind.__origin__
            default = item.default
            if default is msgspec.NODEFAULT:
                default = item.default_factory()
            entry = Entry(section.name, item.name, item.type, kind, default, says[0])
            found[entry.key] = entry
    return found


CATALOGUE: dict[str, Entry] = _entries()

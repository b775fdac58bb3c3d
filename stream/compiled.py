"""What decoding needs of one reference, compiled once."""

from __future__ import annotations

from typing import Final

from driftlog.records import Event, ReferenceProfile
from driftlog.settings import Settings
from stream.cells import Schema
from stream.fastpath import FastPath

__all__ = ["Compiled", "ModelVersion"]

ModelVersion = tuple[str, str]
_NONE: Final[frozenset[str]] = frozenset()


class Compiled:
    """The schema and the fast path of a model version's reference; and which inputs are new."""

    def __init__(self, name: ModelVersion, reference: ReferenceProfile, settings: Settings) -> None:
        models = settings.models
        self.name = name
        self.reference = reference
        self.schema = Schema(reference, models.types)
        self.fast = FastPath(*name, self.schema)
        self._include = frozenset(models.include)
        self._known = self.schema.input_names | reference.excluded.keys() | {*models.exclude}

    def new_columns(self, event: Event) -> set[str]:
        """Inputs that the reference has not seen and that would be watched."""
        new = event.inputs.keys() - self._known
        return new & self._include if self._include else new

    def vanished_columns(self, event: Event) -> frozenset[str]:
        """Signals whose input is absent (null is not) though the request went well."""
        return self.schema.input_names - event.inputs.keys() if event.status == "ok" else _NONE

"""A batch of log records to rows in columns, dead letters and counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from driftlog.mapping import FieldMapping
from driftlog.records import ReferenceProfile
from driftlog.settings import Settings
from stream.batch import SAMPLED, Batch, ReferenceAt
from stream.compiled import Compiled, ModelVersion
from stream.decoded import DeadLetter, Decoded, LogRecord, ReferencedRows

__all__ = [
    "SAMPLED",
    "DeadLetter",
    "Decoded",
    "Decoder",
    "LogRecord",
    "ReferenceAt",
    "ReferencedRows",
]

_MAX_PATHS: Final = 512


class Decoder:
    """Decodes batches; keeps nothing between them but compiled decoders.

    Rows of ``role`` shadow are counted and not judged: they served nobody, and mixed into the live
    ones of their version they would blur both. To have a challenger judged, log it as live under
    a version of its own.

    Args:
        settings: of the worker.
        references: the profile in effect for (model, version, start of a pane in ms), or None; may
            be replaced between batches.
    """

    def __init__(self, settings: Settings, references: ReferenceAt) -> None:
        self.references = references
        self.settings = settings
        mapping = FieldMapping(settings.mapping)
        self.mapping = mapping if mapping.active else None
        self.segments: set[str] = set()  # those that the general path has taken
        self._compiled: dict[tuple[str, str, str], Compiled] = {}
        self.recent: dict[ModelVersion, Compiled] = {}  # the last reference's of each model version

    def decode_batch(self, records: Sequence[LogRecord]) -> Decoded:
        """Return the rows, dead letters and counts of records in order of the log.

        Raises:
            ProfileError: a reference in effect has signals that no event has.
        """
        return Batch(self).run(records)

    def compiled(self, name: ModelVersion, reference: ReferenceProfile) -> Compiled:
        """Return the decoder for a model version's reference, made once."""
        key = (*name, reference.reference_id)
        found = self._compiled.get(key)
        if found is None or (found.reference is not reference and found.reference != reference):
            if len(self._compiled) >= _MAX_PATHS:
                del self._compiled[next(iter(self._compiled))]
            found = self._compiled[key] = Compiled(name, reference, self.settings)
        found.reference = reference  # an equal one may be another object
        return found

    def remember(self, name: ModelVersion, compiled: Compiled | None) -> None:
        """Note what the next rows of a model version are likely to need."""
        self.recent.pop(name, None)
        if compiled is not None:
            if len(self.recent) >= _MAX_PATHS:
                del self.recent[next(iter(self.recent))]
            self.recent[name] = compiled

"""Which series there are, and which partition of ``columns`` each of their shards lives on."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from driftlog.records import ReferenceProfile
from driftlog.settings import ModelSettings
from stream.rows import CategoryColumn

__all__ = [
    "ALL",
    "OTHER",
    "Shard",
    "model_partition",
    "model_version",
    "rows_of",
    "segments_of",
    "series_name",
    "shards_of",
    "split_model_version",
    "verdict_partition",
]

ALL = "*"  # the series of every row of a model version
OTHER = "other"  # the rows of all segments that have no series of their own


def _quote(text: str) -> str:
    for mark in "%@/#":
        text = text.replace(mark, f"%{ord(mark):02X}")
    return text


def model_version(model: str, version: str) -> str:
    """Name of a model version, ``model@version``, with ``% @ / #`` in the parts escaped."""
    return f"{_quote(model)}@{_quote(version)}"


def series_name(model: str, version: str, segment: str) -> str:
    """Name of a series, ``model@version/segment``."""
    return f"{model_version(model, version)}/{segment if segment == ALL else _quote(segment)}"


@dataclass(frozen=True, slots=True, order=True)
class Shard:
    """A share of the signals of one series; what one state record holds."""

    series: str
    index: int
    count: int
    segment: str
    signals: tuple[str, ...]

    @property
    def key(self) -> str:
        """Key of its verdicts and of its state."""
        return f"{self.series}#{self.index}"


def _hash(text: str, partitions: int) -> int:
    digest = blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % partitions


def model_partition(model: str, version: str, partitions: int) -> int:
    """Partition of ``columns`` on which a model version learns its reference."""
    return _hash(model_version(model, version), partitions)


def verdict_partition(model: str, partitions: int) -> int:
    """Partition of ``verdicts`` on which everything of a model meets."""
    return _hash(_quote(model), partitions)


def split_model_version(name: str) -> tuple[str, str]:
    """Take a name made by `model_version` apart again."""
    model, _, version = name.partition("@")
    return unquote(model), unquote(version)


def segments_of(profile: ReferenceProfile, models: ModelSettings) -> tuple[str, ...]:
    """Segments with a series of their own: those configured, else the largest K.

    A segment that is itself called ``other`` is one of the others.
    """
    if models.segments:
        return tuple(name for name in models.segments if name != OTHER)
    shares = {name: share for name, share in profile.segments.items() if name != OTHER}
    largest = sorted(shares.items(), key=lambda item: (-item[1], item[0]))
    return tuple(name for name, _ in largest[: models.top_segments])


def shards_of(
    profile: ReferenceProfile, models: ModelSettings, partitions: int
) -> dict[int, tuple[Shard, ...]]:
    """Return the shards of a model version by their partition of ``columns``, in order of name.

    A learned reference keeps all of them on the partition that learned it: whoever learned
    already holds the rows that follow, so no row can arrive where nobody expects it yet.
    """
    named = segments_of(profile, models)
    names = [ALL, *dict.fromkeys(named), *([OTHER] if named else [])]
    signals = [s.signal for s in profile.signals]
    size = models.shard_signals
    cuts = [tuple(signals[at : at + size]) for at in range(0, len(signals), size)]
    home = model_partition(profile.model, profile.version, partitions)
    found: dict[int, list[Shard]] = {}
    for segment in names:
        series = series_name(profile.model, profile.version, segment)
        for index, cut in enumerate(cuts):
            shard = Shard(series, index, len(cuts), segment, cut)
            at = home if profile.origin == "learned" else _hash(shard.key, partitions)
            found.setdefault(at, []).append(shard)
    return {at: tuple(sorted(shards)) for at, shards in sorted(found.items())}


def rows_of(
    shard: Shard, profile: ReferenceProfile, models: ModelSettings, segment: CategoryColumn
) -> NDArray[np.intp] | None:
    """Which rows are of a shard's segment; none means all of them.

    Args:
        shard: of the profile's model version.
        profile: names the segments that have a series of their own.
        models: likewise.
        segment: of the rows.
    """
    if shard.segment == ALL:
        return None
    levels, codes = segment.levels, segment.codes
    if shard.segment == OTHER:
        named = set(segments_of(profile, models))
        wanted = [i for i, level in enumerate(levels) if level not in named]
        return np.flatnonzero(np.isin(codes, wanted) | (codes < 0))
    if shard.segment not in levels:
        return np.empty(0, dtype=np.intp)
    return np.flatnonzero(codes == levels.index(shard.segment))

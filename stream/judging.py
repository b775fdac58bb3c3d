"""By what rows are judged: references, and everything that is made from one once and kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b

import msgspec
import numpy as np

from driftlog.records import ReferenceProfile, SignalProfile
from driftlog.settings import Settings
from stream.banks import banks
from stream.book import ReferenceBook
from stream.faults import LEAST_CONTENT, ReplayWatch, content_signals
from stream.identity import Identity
from stream.joint import PairMemory, joint_inputs, without_joint
from stream.judges import check_judges
from stream.learned import learned_profile
from stream.learning import Learner
from stream.preparation import Preparation, Prepared
from stream.raw_rows import shaped
from stream.routing import ALL, OTHER, Shard, model_partition, segments_of, shards_of
from stream.rows import Rows
from stream.sensitivity import Sensitivity, sensitivity
from stream.series import SeriesState
from stream.thresholds import Thresholds, thresholds
from stream.window_statistics import WindowStatistics

__all__ = ["Judging", "config_hash"]

# Sections that decide verdicts and alerts; where the broker is does not.
_DECIDING = ("stream", "detection", "decision", "models", "mapping")
_NOT_DECIDING = {"checkpoint_interval", "max_skew", "idle_after"}


def config_hash(settings: Settings) -> str:
    """Digest of the settings that decide verdicts; it travels with every verdict and alert."""
    plain = {
        name: {
            key: value
            for key, value in msgspec.structs.asdict(getattr(settings, name)).items()
            if key not in _NOT_DECIDING
        }
        for name in _DECIDING
    }
    return blake2b(
        msgspec.json.encode(plain, enc_hook=int, order="deterministic"), digest_size=6
    ).hexdigest()


class Judging:
    """Shared by all partitions of a worker, and by ingest.

    The book may be replaced at any time (`follow`); what is made from a profile is made once, since
    a profile never changes.
    """

    def __init__(
        self, settings: Settings, book: ReferenceBook | None = None, partitions: int | None = None
    ) -> None:
        check_judges(settings.detection)
        self.settings = settings
        self.config = config_hash(settings)
        self.partitions = settings.kafka.column_partitions if partitions is None else partitions
        self._book = book or ReferenceBook()
        self._learned: dict[str, ReferenceProfile] = {}
        self._preparations: dict[str, Preparation] = {}
        self._thresholds: dict[str, Thresholds] = {}
        self._sensitivities: dict[str, Sensitivity] = {}
        self._without_joint: dict[str, ReferenceProfile] = {}
        self._shards: dict[str, dict[int, tuple[Shard, ...]]] = {}
        self._distances: dict[tuple[str, tuple[str, ...]], WindowStatistics] = {}

    @property
    def book(self) -> ReferenceBook:
        """All references known."""
        return self._book

    def follow(self, book: ReferenceBook) -> None:
        """Take a new book; what was learned here and is not yet on the topic stays known."""
        self._book = book
        for profile in self._learned.values():
            self._book = self._book.with_profile(profile)

    def add(self, profile: ReferenceProfile) -> None:
        """Take a reference learned here."""
        self._learned[profile.reference_id] = profile
        self._book = self._book.with_profile(profile)

    def in_effect(self, model: str, version: str, start_ms: int) -> ReferenceProfile | None:
        """Return the reference for a pane that starts then, none while there is none.

        With ``detection.joint`` off it has no joint signal.
        """
        found = self._book.in_effect(model, version, start_ms)
        if found is None or self.settings.detection.joint:
            return found
        key = _key(found)
        if key not in self._without_joint:
            self._without_joint[key] = without_joint(found)
        return self._without_joint[key]

    def knows(self, model: str, version: str) -> bool:
        """Whether there is any reference, be it for later panes."""
        return bool(self._book.history(model, version))

    def learn(self, learner: Learner, effective_from_ms: int) -> ReferenceProfile:
        """Make a reference of the rows learned.

        Raises:
            ProfileError: nothing in them can be watched, or too much.
        """
        return learned_profile(learner, self.settings.models, effective_from_ms)

    def preparation(self, profile: ReferenceProfile) -> Preparation:
        """Return what turns rows into the detectors' input."""
        key = _key(profile)
        if key not in self._preparations:
            self._preparations[key] = Preparation(profile.signals, profile.timezone)
        return self._preparations[key]

    def prepare(self, profile: ReferenceProfile, rows: Rows) -> Prepared:
        """Turn rows into the detectors' input, for all signals of the reference."""
        return self.preparation(profile)(rows)

    def rows_from_raw(self, rows: Rows, profile: ReferenceProfile) -> Rows:
        """Shape rows that came raw by a reference."""
        return shaped(rows, profile, self.settings.models.types)

    def thresholds(self, profile: ReferenceProfile) -> Thresholds:
        """Return the thresholds that keep the budget."""
        key = _key(profile)
        if key not in self._thresholds:
            self._thresholds[key] = thresholds(profile, self.settings)
        return self._thresholds[key]

    def sensitivity(self, profile: ReferenceProfile) -> Sensitivity:
        """Return what can be seen with these thresholds."""
        key = _key(profile)
        if key not in self._sensitivities:
            limits = self.thresholds(profile)
            self._sensitivities[key] = sensitivity(profile, limits, self.settings)
        return self._sensitivities[key]

    def shards(self, profile: ReferenceProfile, partition: int) -> tuple[Shard, ...]:
        """Return the shards of a reference that live on a partition of ``columns``."""
        return self._all_shards(profile).get(partition, ())

    def _all_shards(self, profile: ReferenceProfile) -> dict[int, tuple[Shard, ...]]:
        key = _key(profile)
        if key not in self._shards:
            self._shards[key] = shards_of(profile, self.settings.models, self.partitions)
        return self._shards[key]

    def fresh(self, shard: Shard, profile: ReferenceProfile) -> SeriesState:
        """Return the state of a shard before its first pane."""
        names = [signal.signal for signal in profile.signals]
        places = np.array([names.index(signal) for signal in shard.signals], dtype=np.intp)
        preparation = self.preparation(profile)
        limits = self.thresholds(profile)
        season = None if preparation.season is None else preparation.season.of(places)
        detectors, psi = banks(
            profile, limits, places, preparation.shares[places], self.settings, season
        )
        by_hand = {name: ~np.isnan(fixed)[places] for name, fixed in limits.by_hand.items()}
        identity = Identity(
            profile.model, profile.version, shard, profile.reference_id, self.config
        )
        signals = [profile.signals[i] for i in places]
        joint = joint_inputs(profile.signals)
        pairs = PairMemory(joint[1]) if joint and joint[0] in places else None
        return SeriesState(
            identity,
            signals,
            places,
            detectors,
            psi,
            self.settings,
            pairs,
            self._statistics(profile, shard),
            by_hand,
            self._replay(profile, shard, signals),
        )

    def _replay(
        self, profile: ReferenceProfile, shard: Shard, signals: Sequence[SignalProfile]
    ) -> ReplayWatch | None:
        """One shard of the series of all rows looks for requests that come a second time."""
        first = shard.segment == ALL and shard.index == 0
        if not first or profile.repeated is None or len(content_signals(signals)) < LEAST_CONTENT:
            return None
        return ReplayWatch(profile.repeated, profile.rows, self.settings)

    def _statistics(self, profile: ReferenceProfile, shard: Shard) -> WindowStatistics:
        """Shared by the series of a model version: it depends on the signals alone."""
        key = (_key(profile), shard.signals)
        if key not in self._distances:
            preparation = self.preparation(profile)
            places = [i for i, one in enumerate(profile.signals) if one.signal in shard.signals]
            self._distances[key] = WindowStatistics(
                self.settings.detection.statistics,
                [profile.signals[i] for i in places],
                preparation.shares[places],
            )
        return self._distances[key]

    def route(self, rows: Rows, profile: ReferenceProfile | None) -> Iterator[tuple[int, Rows]]:
        """Say which rows go to which partition of ``columns``.

        Without a reference all go where it is being learned. With one, a partition gets the rows of
        the segments and the columns of the signals that its shards watch; the joint signal needs
        those of all its inputs.
        """
        if profile is None:
            yield model_partition(rows.model, rows.version, self.partitions), rows
            return
        named = set(segments_of(profile, self.settings.models))
        made = {one.signal: one.joint.inputs for one in profile.signals if one.joint is not None}
        for partition, shards in self._all_shards(profile).items():
            segments = {shard.segment for shard in shards}
            part = rows
            if ALL not in segments:
                wanted = np.array(
                    [
                        level in segments or (OTHER in segments and level not in named)
                        for level in rows.segment.levels
                    ]
                    + [OTHER in segments] * 2,  # the codes for no segment, -2 and -1
                    dtype=np.bool_,
                )
                part = rows.take(np.flatnonzero(wanted[rows.segment.codes]))
            if len(part):
                wide = {name for shard in shards for name in shard.signals}
                yield partition, part.pick(wide.union(*(made.get(name, ()) for name in wide)))


def _key(profile: ReferenceProfile) -> str:
    return f"{profile.model}\0{profile.version}\0{profile.reference_id}"

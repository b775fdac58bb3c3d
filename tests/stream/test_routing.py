"""Names of series and shards, and where they live."""

from __future__ import annotations

import hypothesis
import msgspec
from hypothesis import given
from hypothesis import strategies as st

from driftlog.records import Origin, ReferenceProfile, SignalProfile, SignalType
from driftlog.settings import ModelSettings
from stream.routing import (
    ALL,
    OTHER,
    model_partition,
    model_version,
    segments_of,
    series_name,
    shards_of,
    split_model_version,
    verdict_partition,
)
from tests.stream.bare_profile import bare_profile

UNTIMED = hypothesis.settings(deadline=None)
NAMES = st.text(max_size=8) | st.sampled_from(["a@b", "a/b", "a#b", "a%40b", "*", "@", "%"])


def profile(
    signals: int, segments: dict[str, float] | None = None, origin: Origin = "file"
) -> ReferenceProfile:
    told = tuple(
        SignalProfile(
            signal=f"s{i}",
            role="input",
            type=SignalType.NUMBER,
            rows=1,
            missing=0.0,
            bins=(),
            shares=(),
        )
        for i in range(signals)
    )
    return msgspec.structs.replace(
        bare_profile("r", 0), signals=told, segments=segments or {}, origin=origin
    )


@UNTIMED
@given(NAMES, NAMES)
def test_a_model_version_is_read_back_from_its_name(model: str, version: str) -> None:
    assert split_model_version(model_version(model, version)) == (model, version)


@UNTIMED
@given(st.tuples(NAMES, NAMES, NAMES), st.tuples(NAMES, NAMES, NAMES))
def test_two_series_never_share_a_name(
    one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    assert (series_name(*one) == series_name(*other)) == (one == other)
    assert "#" not in series_name(*one)


@UNTIMED
@given(
    st.integers(0, 30), st.integers(1, 7), st.integers(1, 9), st.sampled_from(["file", "learned"])
)
def test_every_signal_of_every_series_has_one_shard_on_one_partition(
    signals: int, size: int, partitions: int, origin: Origin
) -> None:
    models = ModelSettings(shard_signals=size, segments=("JFK", "LGA"))
    found = shards_of(profile(signals, origin=origin), models, partitions)
    assert set(found) <= set(range(partitions))
    watched = [(s.segment, x) for shards in found.values() for s in shards for x in s.signals]
    assert sorted(watched) == sorted(
        (segment, f"s{i}") for segment in (ALL, "JFK", "LGA", OTHER) for i in range(signals)
    )
    keys = [shard.key for at in found.values() for shard in at]
    assert len(keys) == len(set(keys))
    assert all(len(s.signals) <= size and s.index < s.count for at in found.values() for s in at)
    if origin == "learned" and found:
        assert list(found) == [model_partition("m", "1", partitions)]


def test_a_very_wide_model_spreads_over_partitions() -> None:
    assert len(shards_of(profile(1000), ModelSettings(shard_signals=10), 8)) == 8


def test_segments_are_off_unless_configured() -> None:
    held = profile(1, {"JFK": 0.5, "LGA": 0.3, "EWR": 0.3})
    assert segments_of(held, ModelSettings()) == ()
    assert segments_of(held, ModelSettings(top_segments=2)) == ("JFK", "EWR")
    assert segments_of(held, ModelSettings(segments=("X",), top_segments=2)) == ("X",)


def test_where_things_live_does_not_change_from_release_to_release() -> None:
    """State and topics outlive a release: another answer would split a series in two."""
    assert (model_partition("late", "3", 8), verdict_partition("late", 4)) == (3, 0)
    (shards,) = shards_of(profile(2), ModelSettings(), 1).values()
    assert [shard.key for shard in shards] == ["m@1/*#0"]


def test_a_segment_called_other_is_one_of_the_others() -> None:
    shares = {"other": 0.5, "JFK": 0.3, "EWR": 0.2}
    for models in (ModelSettings(top_segments=2), ModelSettings(segments=("JFK", "other", "EWR"))):
        one = profile(2, shares)
        assert segments_of(one, models) == ("JFK", "EWR")
        keys = [shard.key for part in shards_of(one, models, 4).values() for shard in part]
        assert len(keys) == len(set(keys)) == 4, "all rows, JFK, EWR, other"

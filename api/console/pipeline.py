"""Whether the monitor itself lives: partitions, who holds them, how far behind they are."""

from __future__ import annotations

from api.console.fleet import page_fields
from api.console.known import Known
from api.console.views import Health, Partition, Pipeline

__all__ = ["pipeline"]


def pipeline(known: Known) -> Pipeline:
    """The view of the pipeline."""
    watched, history = known.watched, known.history
    places = sorted({*watched.ends, *((known.columns, number) for number in history.markers)})
    partitions = tuple(_partition(known, *place) for place in places)
    lags = [one.lag for one in partitions if one.topic == known.events and one.lag is not None]
    return Pipeline(
        **page_fields(known, "Pipeline", "/pipeline"),
        reading=watched.reading,
        told=watched.told,
        why_untold="" if watched.told else watched.why_untold,
        partitions=partitions,
        groups=watched.groups,
        dead_letters=watched.dead_letters,
        damaged=history.counts["damaged"],
        lag=sum(lags) if lags else None,
        series=len(history.series),
        records=history.counts["records"],
    )


def _partition(known: Known, topic: str, number: int) -> Partition:
    watched = known.watched
    place = (topic, number)
    end, committed = watched.ends.get(place), watched.committed.get(place)
    marker = known.history.markers.get(number) if topic == known.columns else None
    state: Health = "ok"
    if place in watched.unowned:
        state = "unowned"
    elif marker is not None and number in known.silent:
        state = "stale"
    elif end is None and marker is None:
        state = "no data"
    lag = None
    if end is not None and topic in watched.read_by and watched.told:
        # A group that has committed nothing yet has all of it before it.
        lag = max(0, end - (committed or 0))
    return Partition(
        topic=topic,
        partition=number,
        state=state,
        end_offset=end,
        committed=committed,
        lag=lag,
        owner=watched.owners.get(place),
        closed_through_ms=None if marker is None else marker[0],
        heard_ms=None if marker is None else marker[1],
    )

"""What the demo injects, and how its worker is set: short panes, so that a minute shows much."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from producers.scenario import InjectionSpec

__all__ = [
    "BATCH",
    "DRIFT_S",
    "EXPECTED_S",
    "QUIET_S",
    "RATE",
    "SERVE_QUIET_S",
    "STAGES",
    "WARM_UP_S",
    "YEAR_EACH",
    "YEAR_EXPECTED_S",
    "YEAR_RATE",
    "Stage",
    "worker_environment",
]

RATE: Final = 120.0  # events a second, over four partitions
BATCH: Final = 4  # flights in a request
WARM_UP_S: Final = 22.0  # quiet traffic before the first change
YEAR_RATE: Final = 240.0  # events a second in the replay of the year
YEAR_EACH: Final = 2_400  # flights of each month
YEAR_EXPECTED_S: Final = WARM_UP_S / 2 + 9 * YEAR_EACH / YEAR_RATE + 3
DRIFT_S: Final = 8.0  # how long a change lasts
QUIET_S: Final = 12.0  # at least so long nothing is injected after it
SERVE_QUIET_S: Final = 45.0  # between the changes of --serve


@dataclass(frozen=True, slots=True)
class Stage:
    """One change: to the inputs that are sent, or to the service."""

    name: str
    says: str
    specs: tuple[InjectionSpec, ...] = ()
    error_share: float = 0.0
    expects: tuple[str, ...] = field(default=())  # signals it must show in


def _spec(kind: str, signal: str, strength: float, **options: str | float) -> InjectionSpec:
    return InjectionSpec(
        kind=kind, signals=(signal,), strength=strength, start=0, end=1.0, options=options
    )


STAGES: Final = (
    Stage(
        "mean shift",
        "the thermometers read 2 sd too warm",
        (_spec("sudden", "temp", 2.0, unit="sd"),),
        expects=("temp",),
    ),
    Stage(
        "unit error",
        "distance arrives in hundredths of a mile (x100)",
        (_spec("unit_error", "distance", 100.0),),
        expects=("distance",),
    ),
    Stage(
        "nulls",
        "two fifths of the wind speeds are gone",
        (_spec("nulls", "wind_speed", 0.4),),
        expects=("wind_speed",),
    ),
    Stage(
        "new category",
        "a quarter of the flights have a carrier that nobody knows",
        (_spec("new_category", "carrier", 0.25, value="ZZ"),),
        expects=("carrier",),
    ),
    Stage(
        "errors",
        "the service fails a third of its requests",
        error_share=0.33,
        expects=("error",),
    ),
)


EXPECTED_S: Final = WARM_UP_S + len(STAGES) * (DRIFT_S + QUIET_S) + 10


def worker_environment(bootstrap: str, rate: float = RATE) -> dict[str, str]:
    """Return the settings of the demo's worker and console, as environment variables."""
    return {
        "DRIFTLOG_KAFKA": bootstrap,
        "DRIFTLOG_STREAM_PANE": "1s",
        "DRIFTLOG_STREAM_ALLOWED_LATENESS": "1s",
        "DRIFTLOG_STREAM_FUTURE_SKEW": "500ms",
        "DRIFTLOG_STREAM_IDLE_AFTER": "3s",
        "DRIFTLOG_STREAM_CHECKPOINT_INTERVAL": "2s",
        "DRIFTLOG_DETECTION_RESOLVE_PANES": "4",
        "DRIFTLOG_DETECTION_COOL_DOWN_PANES": "2",
        "DRIFTLOG_DETECTION_GROUP_PANES": "10",
        "DRIFTLOG_DETECTION_EXPECTED_RATE": str(rate),
        "DRIFTLOG_WORKER_PORT": "0",
        "DRIFTLOG_CONSOLE_PORT": "0",
    }

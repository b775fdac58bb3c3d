"""The settings of production, for a row that is not to hurry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["PRODUCTION"]

# The deployment of the tests is set to hurry; this is driftlog as it comes.
PRODUCTION: Final[Mapping[str, str]] = {
    "STREAM_PANE": "10s",
    "STREAM_WINDOW_PANES": "60",
    "STREAM_ALLOWED_LATENESS": "5s",
    "STREAM_FUTURE_SKEW": "2s",
    "STREAM_IDLE_AFTER": "10s",
    "STREAM_MAX_SKEW": "60s",
    "STREAM_CHECKPOINT_INTERVAL": "10s",
    "DETECTION_MIN_ROWS": "100",
    "DETECTION_RESOLVE_PANES": "6",
    "DETECTION_COOL_DOWN_PANES": "6",
    "DETECTION_GROUP_PANES": "30",
    "MODELS_SHARD_SIGNALS": "100",
    "KAFKA_EVENT_PARTITIONS": "8",
    "KAFKA_COLUMN_PARTITIONS": "8",
    "KAFKA_VERDICT_PARTITIONS": "4",
    "WORKER_SESSION_TIMEOUT": "30s",
}

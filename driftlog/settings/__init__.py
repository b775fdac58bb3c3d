"""Settings: ``driftlog.toml`` plus ``DRIFTLOG_*``, one frozen object."""

from driftlog.settings.catalogue import CATALOGUE, Entry
from driftlog.settings.duration import Duration
from driftlog.settings.load import load_settings
from driftlog.settings.schema import (
    CaptureSettings,
    DecisionSettings,
    DetectionSettings,
    KafkaSettings,
    MappingSettings,
    ModelSettings,
    Settings,
    StreamSettings,
    WorkerSettings,
)

__all__ = [
    "CATALOGUE",
    "CaptureSettings",
    "DecisionSettings",
    "DetectionSettings",
    "Duration",
    "Entry",
    "KafkaSettings",
    "MappingSettings",
    "ModelSettings",
    "Settings",
    "StreamSettings",
    "WorkerSettings",
    "load_settings",
]

"""Settings: ``driftlog.toml`` plus ``DRIFTLOG_*``, one frozen object."""

from driftlog.settings.catalogue import CATALOGUE, Entry
from driftlog.settings.duration import Duration
from driftlog.settings.load import Held, held_settings, load_settings
from driftlog.settings.schema import (
    CaptureSettings,
    ConsoleSettings,
    DecisionSettings,
    DetectionSettings,
    ForwardSettings,
    HttpSettings,
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
    "ConsoleSettings",
    "DecisionSettings",
    "DetectionSettings",
    "Duration",
    "Entry",
    "ForwardSettings",
    "Held",
    "HttpSettings",
    "KafkaSettings",
    "MappingSettings",
    "ModelSettings",
    "Settings",
    "StreamSettings",
    "WorkerSettings",
    "held_settings",
    "load_settings",
]

"""The settings of one capture client: a file and the environment, or an object, then arguments."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from driftlog.settings import CATALOGUE, Settings, load_settings

__all__ = ["capture_settings"]

_SECTIONS = ("capture", "kafka")  # of a bare name; no name is in both


def capture_settings(settings: Settings | None, arguments: dict[str, Any]) -> Settings:
    """Return the settings with ``arguments`` laid over them.

    Args:
        settings: the base; None: ``driftlog.toml`` and ``DRIFTLOG_*``.
        arguments: names of the sections capture and kafka, such as ``model`` or ``bootstrap``.

    Raises:
        SettingsError: a name is unknown, or a setting holds what it may not.
    """
    overrides = {_key(name): value for name, value in arguments.items()}
    if settings is None:
        return load_settings(overrides=overrides)
    if not overrides:
        return settings
    held = {
        f"{section}.{name}": value
        for section, values in msgspec.structs.asdict(settings).items()
        for name, value in msgspec.structs.asdict(values).items()
    }
    # An empty file and an empty environment: the object given is all there is.
    return load_settings(Path(os.devnull), {}, held | overrides)


def _key(name: str) -> str:
    return next((key for s in _SECTIONS if (key := f"{s}.{name}") in CATALOGUE), f"capture.{name}")

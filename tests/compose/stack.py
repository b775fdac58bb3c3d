"""compose.yaml as Docker Compose reads it, and what the services of it are."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import click
import yaml

from driftlog.cli import main
from tests.architecture.imports import ROOT

__all__ = ["COMPOSE", "IMAGE", "driftlog_services", "mounts", "parsed", "services"]

COMPOSE: Final = ROOT / "compose"
IMAGE: Final = "driftlog:0.1.0"


@cache
def services() -> dict[str, dict[str, Any]]:
    """The services by name, anchors and merges resolved."""
    tree = yaml.safe_load((COMPOSE / "compose.yaml").read_text(encoding="utf-8"))
    found: dict[str, dict[str, Any]] = tree["services"]
    return found


def driftlog_services() -> dict[str, dict[str, Any]]:
    """Those that run our image."""
    return {name: one for name, one in services().items() if one["image"] == IMAGE}


def mounts(service: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (path of this repository from ``compose/``, path in the container) of a service."""
    for mount in service.get("volumes", ()):
        source, target, *_ = mount.split(":")
        if source.startswith("."):
            yield source, target


def parsed(arguments: list[str]) -> click.Context:
    """Return what click makes of a command line after ``driftlog``.

    Raises:
        click.UsageError: there is no such command or option, or a value cannot be one.
    """
    command: click.Command = main
    name, rest = "driftlog", list(arguments)
    while isinstance(command, click.Group):
        found_name, found, rest = command.resolve_command(click.Context(command), rest)
        assert found is not None and found_name is not None
        name, command = f"{name} {found_name}", found
    if name == "driftlog api":  # hands its arguments on
        from api.__main__ import main as api

        command = api
    return command.make_context(name, rest)

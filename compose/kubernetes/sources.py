"""What the manifests are made of: compose.yaml, and Prometheus' configuration and rules."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

__all__ = ["Server", "groups", "groups_of_the_service", "interval", "limits", "server"]

_ROOT: Final = Path(__file__).resolve().parents[2]
_RULES: Final = _ROOT / "prometheus" / "rules"
_SERVICE: Final = "service.yml"  # rules of the watched service, by the example's own metrics


@dataclass(frozen=True, slots=True)
class Server:
    """A service of compose.yaml that listens.

    Attributes:
        name: of the service.
        image: with its version.
        arguments: after ``driftlog``.
        port: that it listens on.
        grace: seconds between the signal to end and the end by force.
    """

    name: str
    image: str
    arguments: list[str]
    port: int
    grace: int


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def server(name: str) -> Server:
    """Return a service of compose.yaml by its name."""
    held = _read(_ROOT / "compose" / "compose.yaml")["services"][name]
    port = urlsplit(held["healthcheck"]["test"][-1]).port if "test" in held["healthcheck"] else 0
    return Server(
        name=name,
        image=held["image"],
        arguments=held["command"],
        port=port or 0,
        grace=int(held["stop_grace_period"].removesuffix("s")),
    )


def _prometheus() -> Any:
    return _read(_ROOT / "prometheus" / "prometheus.yml")


def interval() -> str:
    """How often Prometheus asks, such as ``5s``."""
    return str(_prometheus()["global"]["scrape_interval"])


def limits() -> dict[str, int]:
    """The bounds of a scrape of the workers, by the names of a ServiceMonitor."""
    (job,) = (one for one in _prometheus()["scrape_configs"] if one["job_name"] == "driftlog")
    names = {
        "sample_limit": "sampleLimit",
        "label_limit": "labelLimit",
        "label_value_length_limit": "labelValueLengthLimit",
    }
    return {theirs: job[ours] for ours, theirs in names.items()}


def groups(console: str) -> list[Any]:
    """The groups of rules about the monitor and the data, file by file.

    Args:
        console: where a browser finds the console. Prometheus by itself takes it from a label of
            its own, which in a cluster is somebody else's to set.
    """
    files = sorted(file for file in _RULES.glob("*.yml") if file.name != _SERVICE)
    return [group for file in files for group in _rules(file, console)]


def groups_of_the_service(console: str) -> list[Any]:
    """The groups of rules about the watched service."""
    return _rules(_RULES / _SERVICE, console)


def _rules(file: Path, console: str) -> list[Any]:
    text = file.read_text(encoding="utf-8").replace("{{ $externalLabels.console }}", console)
    found: list[Any] = yaml.safe_load(text)["groups"]
    return found

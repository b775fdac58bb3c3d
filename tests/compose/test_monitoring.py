"""What Prometheus and Alertmanager get in compose.yaml, read by their own tools."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.architecture.imports import ROOT
from tests.compose.stack import COMPOSE, mounts, services


def _read(file: Path) -> Any:
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def _mounted(name: str, to: Path) -> Path:
    """Lay a service's mounts out as it finds them; return the file that it is told to read."""
    for source, target in mounts(services()[name]):
        place = to / target.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        path = COMPOSE / source
        (shutil.copytree if path.is_dir() else shutil.copy)(path, place)
    command: list[str] = services()[name]["command"]
    (config,) = (one for one in command if one.startswith("--config.file="))
    return to / config.partition("=")[2].lstrip("/")


@pytest.mark.prometheus
def test_prometheus_takes_its_configuration_with_all_rules(tmp_path: Path) -> None:
    config = _mounted("prometheus", tmp_path)
    done = subprocess.run(
        ["promtool", "check", "config", str(config)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    rules = sorted((ROOT / "prometheus" / "rules").glob("*.yml"))
    for file in rules:
        assert file.name in done.stdout


@pytest.mark.prometheus
def test_alertmanager_takes_its_configuration(tmp_path: Path) -> None:
    config = _mounted("alertmanager", tmp_path)
    done = subprocess.run(
        ["amtool", "check-config", str(config)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_prometheus_looks_for_services_of_the_stack_on_their_ports() -> None:
    held = _read(COMPOSE / "prometheus.yml")
    found: dict[str, int] = {}
    for job in held["scrape_configs"]:
        for way in job.get("dns_sd_configs", ()):
            assert way["type"] == "A"
            found |= dict.fromkeys(way["names"], way["port"])
        for way in job.get("static_configs", ()):
            found |= {t.partition(":")[0]: int(t.partition(":")[2]) for t in way["targets"]}
    assert found == {"worker": 9464, "api": 8000}
    assert services()["worker"]["expose"] == ["9464"]
    (target,) = held["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]
    assert target == "alertmanager:9093"


def test_jobs_and_limits_are_those_of_one_machine() -> None:
    """Rules ask for jobs by name; only where the targets are found differs."""
    ours, theirs = (
        [
            {key: value for key, value in job.items() if not key.endswith("_configs")}
            for job in _read(file)["scrape_configs"]
        ]
        for file in (COMPOSE / "prometheus.yml", ROOT / "prometheus" / "prometheus.yml")
    )
    assert ours == theirs


def test_routes_are_those_of_one_machine_and_their_receivers_are_there() -> None:
    ours = _read(COMPOSE / "alertmanager.yml")
    theirs = _read(ROOT / "prometheus" / "alertmanager.yml")
    assert ours["route"] == theirs["route"]
    assert ours["inhibit_rules"] == theirs["inhibit_rules"]
    assert [one["name"] for one in ours["receivers"]] == [
        one["name"] for one in theirs["receivers"]
    ]


def test_grafana_finds_dashboards_and_data_where_its_provisioning_looks() -> None:
    service = services()["grafana"]
    folders = {target: COMPOSE / source for source, target in mounts(service)}
    provisioning = folders["/etc/grafana/provisioning"]
    (provider,) = _read(provisioning / "dashboards" / "driftlog.yaml")["providers"]
    dashboards = folders[provider["options"]["path"]]
    home = service["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (dashboards / home.rpartition("/")[2]).is_file()
    text = "".join(file.read_text() for file in provisioning.rglob("*.yaml"))
    wanted = set(re.findall(r"(?<!\$)\$\{(\w+)\}", text))
    assert wanted <= set(service["environment"])
    for name in ("prometheus", "alertmanager"):
        (port,) = (one.rpartition(":")[2] for one in services()[name]["ports"])
        assert service["environment"][f"{name.upper()}_URL"] == f"http://{name}:{port}"

"""compose.yaml names what there is: commands, options, variables, ports, files, services."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import jsonschema
import pytest
import yaml

from api.console.app import PROBES as CONSOLES
from api.service import ENDPOINTS
from driftlog.serving import Policy
from driftlog.settings import load_settings
from driftlog.settings.catalogue import CATALOGUE
from driftlog.settings.load import ALIASES
from stream.server import PROBES
from tests.architecture.imports import ROOT
from tests.compose.stack import COMPOSE, driftlog_services, mounts, parsed, services

_VARIABLES = {entry.variable for entry in CATALOGUE.values()} | set(ALIASES)


def _tree() -> Any:
    return yaml.safe_load((COMPOSE / "compose.yaml").read_text(encoding="utf-8"))


def _specification() -> jsonschema.Draft7Validator:
    file = Path(__file__).parent / "schema" / "compose-spec.json"
    return jsonschema.Draft7Validator(json.loads(file.read_bytes()))


def test_the_file_is_one_by_the_compose_specification() -> None:
    _specification().validate(_tree())


@pytest.mark.parametrize(
    ("service", "key", "value"),
    [("worker", "comand", ["worker"]), ("kafka", "ports", {"9092": 9092}), ("api", "init", 1)],
)
def test_the_specification_refuses_a_mistake(service: str, key: str, value: Any) -> None:
    tree = copy.deepcopy(_tree())
    tree["services"][service][key] = value
    with pytest.raises(jsonschema.ValidationError):
        _specification().validate(tree)


@pytest.mark.parametrize("name", driftlog_services())
def test_a_service_runs_a_command_with_options_that_there_are(name: str) -> None:
    parsed(services()[name]["command"])


def test_a_command_or_option_that_there_is_not_is_seen() -> None:
    for arguments in (["wrk"], ["worker", "--prt", "1"], ["api", "--prt", "1"], ["topics", "make"]):
        with pytest.raises(click.UsageError):
            parsed(arguments)


@pytest.mark.parametrize("name", driftlog_services())
def test_a_service_sets_settings_that_there_are_and_may_serve_where_it_is_told_to(
    name: str,
) -> None:
    service = services()[name]
    assert set(service["environment"]) <= _VARIABLES
    settings = load_settings(environ=service["environment"])
    given = parsed(service["command"]).params
    host = given.get("host") or settings.worker.host  # as they are told: worker by its setting
    Policy.of(settings.http, host)  # raises where nobody is asked and everybody is let in
    if name in ("worker", "api", "console"):
        assert host == "0.0.0.0"  # else its neighbours would not reach it


def test_who_calls_a_service_by_its_name_is_answered() -> None:
    for name in ("worker", "api", "console"):
        settings = load_settings(environ=services()[name]["environment"])
        policy = Policy.of(settings.http, "0.0.0.0")
        assert policy.answers_to(name.encode())
        assert policy.answers_to(b"127.0.0.1:8000") and policy.answers_to(b"localhost:8000")
        assert not policy.answers_to(b"evil.example")


def _listens(name: str) -> int:
    """Port that a service of ours listens on, by its options and settings."""
    service = services()[name]
    settings = load_settings(environ=service["environment"])
    return int(parsed(service["command"]).params.get("port") or settings.worker.port)


def test_ports_are_those_that_are_listened_on_and_published_to_this_machine_alone() -> None:
    for name, service in services().items():
        for port in service.get("ports", ()):
            address, _, inside = port.split(":")
            assert address == "127.0.0.1", f"{name} publishes {port}"
            if name in driftlog_services():
                assert int(inside) == _listens(name)
            else:
                health = str(service["healthcheck"]["test"])
                assert name == "kafka" or f":{inside}/" in health
        for port in service.get("expose", ()):
            assert int(port) == _listens(name)


def test_workers_can_be_many() -> None:
    worker = services()["worker"]
    assert "container_name" not in worker and "ports" not in worker and "hostname" not in worker


@pytest.mark.parametrize("name", driftlog_services())
def test_a_server_is_well_when_it_says_so_by_a_path_that_it_has(name: str) -> None:
    check = services()[name]["healthcheck"]
    if name in ("topics", "replay", "forward"):  # they end, or listen nowhere
        assert check == {"disable": True}
        return
    *command, url = check["test"]
    assert command == ["CMD", "python", "-m", "compose.probe"]
    assert (COMPOSE / "probe.py").is_file()
    parts = urlsplit(url)
    assert parts.hostname == "127.0.0.1" and parts.port == _listens(name)
    assert parts.path in {"worker": PROBES, "api": ENDPOINTS, "console": CONSOLES}[name]


def test_every_service_waits_for_what_it_needs() -> None:
    for name, service in services().items():
        for other, wants in service.get("depends_on", {}).items():
            its = services()[other]
            if wants["condition"] == "service_healthy":
                assert "test" in its["healthcheck"], f"{name} waits for {other} in vain"
            else:
                assert wants["condition"] == "service_completed_successfully"
                assert its["restart"] == "no", f"{name} waits for the end of {other}"
            profiles = its.get("profiles", [])
            assert not profiles or profiles == service.get("profiles")


@pytest.mark.parametrize("name", driftlog_services())
def test_our_containers_may_write_nowhere_and_do_nothing(name: str) -> None:
    service = services()[name]
    assert service["read_only"] is True
    assert [one.partition(":")[0] for one in service["tmpfs"]] == ["/tmp"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "user", "network_mode", "pid"} & set(service)
    assert float(service["stop_grace_period"].removesuffix("s")) > 10  # see docs/reliability.md


def test_every_file_that_is_mounted_is_there_and_read_only() -> None:
    for service in services().values():
        for source, target in mounts(service):
            assert (COMPOSE / source).exists(), f"{source} is mounted on {target}"
            assert f"{source}:{target}:ro" in service["volumes"]
    named = {
        mount.partition(":")[0] for one in services().values() for mount in one.get("volumes", ())
    }
    assert {name for name in named if not name.startswith(".")} == set(_tree()["volumes"])


def test_images_are_pinned_by_a_version() -> None:
    for name, service in services().items():
        assert re.fullmatch(r"[\w/-]+:v?\d+\.\d+\.\d+", service["image"]), name


def test_the_version_of_the_image_is_that_of_the_package() -> None:
    from driftlog import __version__

    for service in driftlog_services().values():
        assert service["image"] == f"driftlog:{__version__}"
    assert f'image.version="{__version__}"' in (COMPOSE / "Dockerfile").read_text()


def test_the_kafka_is_the_one_that_the_tests_run_on() -> None:
    from driftlog.testing.kafka_jars import KAFKA_VERSION

    assert services()["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"


def test_no_secret_is_in_the_file() -> None:
    secrets = {entry.variable for entry in CATALOGUE.values() if entry.secret}
    for name, service in services().items():
        for variable in service.get("environment", ()):
            assert variable not in secrets, f"{name} holds {variable}"
            assert not re.search("PASSWORD|SECRET|TOKEN", variable), f"{name} holds {variable}"


def test_addresses_in_options_and_settings_are_services_on_their_ports() -> None:
    inside = {
        "kafka": 9092,
        "alertmanager": 9093,
        "api": _listens("api"),
        "console": _listens("console"),
    }
    for service in driftlog_services().values():
        told = [*service["command"], *service["environment"].values()]
        for name, port in re.findall(r"(?:^|//)([a-z]+):(\d+)\b", "\n".join(told), re.MULTILINE):
            assert inside[name] == int(port)
    # Kafka tells clients under what address to come back.
    listeners = services()["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",")
    assert "INTERNAL://kafka:9092" in listeners
    assert services()["kafka"]["ports"] == ["127.0.0.1:9092:9094"]
    assert "HOST://127.0.0.1:9092" in listeners
    assert "HOST://:9094" in services()["kafka"]["environment"]["KAFKA_LISTENERS"].split(",")


def test_paths_in_options_are_made_by_the_image() -> None:
    dockerfile = (COMPOSE / "Dockerfile").read_text(encoding="utf-8")
    for service in driftlog_services().values():
        for argument in service["command"]:
            if argument.startswith("/"):
                assert argument.removeprefix("/app/") in dockerfile, argument


def test_nothing_is_ignored_that_the_image_copies() -> None:
    kept = set((ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n"))
    for line in (COMPOSE / "Dockerfile").read_text(encoding="utf-8").splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert f"!{source}" in kept, source

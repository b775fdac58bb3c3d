"""The manifests are what the project says now, and what a cluster takes."""

from __future__ import annotations

import copy
import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from api.console.app import PROBES as CONSOLES
from compose.kubernetes.__main__ import CONSOLE, files
from driftlog.settings import load_settings
from driftlog.settings.catalogue import CATALOGUE
from driftlog.settings.load import ALIASES
from stream.metrics.catalogue import CATALOGUE as METRICS
from stream.server import PROBES
from tests.architecture.imports import ROOT
from tests.compose.stack import IMAGE, parsed, services

_FOLDER = ROOT / "compose" / "kubernetes"
_VARIABLES = {entry.variable: entry for entry in CATALOGUE.values()}
# Labels that Prometheus Operator puts on all that a ServiceMonitor finds.
_OPERATORS = {"namespace", "pod", "service", "endpoint", "container", "instance", "job"}

Object = dict[str, Any]


@cache
def _schema() -> Any:
    return json.loads((Path(__file__).parent / "schema" / "kubernetes.json").read_bytes())


def _check(held: Object) -> None:
    """Hold an object against the schema of its kind.

    Raises:
        jsonschema.ValidationError: it is none.
    """
    kind = _schema()["kinds"][f"{held['apiVersion']}/{held['kind']}"]
    schema = {**kind, "definitions": _schema()["definitions"]}
    # Beside a $ref Draft 7 reads nothing else; the definitions have to be in the same document.
    if "$ref" in kind:
        schema = {"allOf": [kind], "definitions": _schema()["definitions"]}
    jsonschema.Draft7Validator(schema).validate(held)


def _objects() -> list[Object]:
    found = []
    for file in sorted(_FOLDER.glob("*.yaml")):
        if file.name != "kustomization.yaml":
            found += [*yaml.safe_load_all(file.read_text(encoding="utf-8"))]
    return found


def _of(kind: str) -> list[Object]:
    return [one for one in _objects() if one["kind"] == kind]


def _pods() -> list[Object]:
    return [one["spec"]["template"] for one in _objects() if one["kind"] in ("Deployment", "Job")]


def _containers() -> list[Object]:
    return [container for pod in _pods() for container in pod["spec"]["containers"]]


def test_the_files_are_those_that_the_generator_writes_now() -> None:
    written = files()
    assert {file.name for file in _FOLDER.glob("*.yaml")} == set(written)
    for name, text in written.items():
        found = (_FOLDER / name).read_text(encoding="utf-8")
        assert found == text, f"{name}: run 'make docs'"


@pytest.mark.parametrize("held", _objects(), ids=lambda one: f"{one['kind']}-{one['metadata']}")
def test_each_object_is_one_by_the_schema_of_its_kind(held: Object) -> None:
    _check(held)


def test_the_schemas_refuse_a_mistake() -> None:
    (worker,) = (one for one in _of("Deployment") if one["metadata"]["name"] == "driftlog-worker")
    container: list[Any] = ["spec", "template", "spec", "containers", 0]
    for path, key, value in (
        (container, "comand", ["worker"]),
        ([*container, "securityContext"], "readOnlyRootFilesystem", "yes"),
        (["spec"], "replicas", "two"),
        ([*container, "livenessProbe"], "httpGet", {"path": "/livez"}),
    ):
        wrong = copy.deepcopy(worker)
        place: Any = wrong
        for step in path:
            place = place[step]
        place[key] = value
        with pytest.raises(jsonschema.ValidationError):
            _check(wrong)
    (monitor,) = _of("ServiceMonitor")
    wrong = copy.deepcopy(monitor)
    wrong["spec"]["endpoints"][0]["intervall"] = "5s"
    with pytest.raises(jsonschema.ValidationError):
        _check(wrong)


def test_kustomize_applies_the_files_that_are_there() -> None:
    held = yaml.safe_load((_FOLDER / "kustomization.yaml").read_text(encoding="utf-8"))
    there = {file.name for file in _FOLDER.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(held["resources"]) == there - {"prometheusrule-service.yaml"}


def test_containers_run_commands_that_there_are_with_settings_that_there_are() -> None:
    (config,) = _of("ConfigMap")
    for container in _containers():
        parsed(container["args"])
        assert container["image"] == IMAGE
        given = dict(config["data"])
        for one in container.get("env", ()):
            secret = one["name"].removeprefix("DRIFTLOG_HTTP_") in (
                "TOKENS",
                "PASSWORD",
                "USERNAME",
            )
            assert secret == ("valueFrom" in one), f"{one['name']} is no secret, or is one"
            given[one["name"]] = one.get("value", "a-token-of-the-test")
        assert set(given) <= set(_VARIABLES) | set(ALIASES)
        load_settings(environ=given)


def test_no_secret_is_in_a_manifest() -> None:
    assert not _of("Secret")
    (config,) = _of("ConfigMap")
    assert not any(_VARIABLES[name].secret for name in config["data"] if name in _VARIABLES)


def test_pods_are_nobodys_root_and_may_write_to_tmp_alone() -> None:
    for template in _pods():
        spec = template["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        # A variable DRIFTLOG_..., which the cluster makes of a Service's name, is no setting and
        # would end every command.
        assert spec["enableServiceLinks"] is False
        for container in spec["containers"]:
            may = container["securityContext"]
            assert may["readOnlyRootFilesystem"] is True
            assert may["allowPrivilegeEscalation"] is False
            assert may["capabilities"] == {"drop": ["ALL"]}
            assert [one["mountPath"] for one in container["volumeMounts"]] == ["/tmp"]
            assert container["resources"]["limits"]["memory"]
            assert "cpu" not in container["resources"]["limits"]


def test_the_user_is_the_image_s() -> None:
    users = {pod["spec"]["securityContext"]["runAsUser"] for pod in _pods()}
    assert f"USER {users.pop()}:" in (ROOT / "compose" / "Dockerfile").read_text()
    assert not users


def test_probes_ask_open_paths_and_the_end_is_waited_for() -> None:
    open_paths = {"worker": PROBES, "console": CONSOLES}
    for deployment in _of("Deployment"):
        spec = deployment["spec"]["template"]["spec"]
        assert spec["terminationGracePeriodSeconds"] > 10  # see docs/reliability.md
        for container in spec["containers"]:
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                assert container[probe]["httpGet"]["path"] in open_paths[container["name"]]
            assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
            assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_selectors_select_and_ports_are_those_of_the_pods() -> None:
    pods = [pod["metadata"]["labels"] for pod in _pods()]
    for held in _objects():
        spec = held.get("spec", {})
        for key in ("selector", "podSelector"):
            wanted = spec.get(key)
            if wanted and held["kind"] != "ServiceMonitor":
                wanted = wanted.get("matchLabels", wanted)
                assert any(wanted.items() <= one.items() for one in pods), held["metadata"]
    ports = {port["containerPort"] for one in _containers() for port in one.get("ports", ())}
    assert {port["port"] for one in _of("Service") for port in one["spec"]["ports"]} == ports
    assert int(services()["worker"]["expose"][0]) in ports


def test_prometheus_finds_the_workers_as_the_rules_expect_them() -> None:
    (monitor,) = _of("ServiceMonitor")
    wanted = monitor["spec"]["selector"]["matchLabels"]
    (found,) = (
        one for one in _of("Service") if wanted.items() <= one["metadata"]["labels"].items()
    )
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["port"] in {port["name"] for port in found["spec"]["ports"]}
    assert {"targetLabel": "job", "replacement": "driftlog"} in endpoint["relabelings"]
    assert endpoint["authorization"]["credentials"] == {"name": "driftlog-http", "key": "token"}
    for name, metric in METRICS.items():
        assert not _OPERATORS & set(metric.labels), f"{name} has a label of Prometheus Operator's"


@pytest.mark.prometheus
def test_promtool_takes_the_rules(tmp_path: Path) -> None:
    for rules in _of("PrometheusRule"):
        file = tmp_path / f"{rules['metadata']['name']}.yml"
        file.write_text(yaml.safe_dump(rules["spec"]), encoding="utf-8")
        done = subprocess.run(
            ["promtool", "check", "rules", str(file)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_of_prometheus_is_in_one() -> None:
    ours = [
        rule
        for held in _of("PrometheusRule")
        for one in held["spec"]["groups"]
        for rule in one["rules"]
    ]
    label = "{{ $externalLabels.console }}"
    theirs = [
        rule
        for file in (ROOT / "prometheus" / "rules").glob("*.yml")
        for group in yaml.safe_load(file.read_text("utf-8").replace(label, CONSOLE))["groups"]
        for rule in group["rules"]
    ]
    assert sorted(map(json.dumps, ours)) == sorted(map(json.dumps, theirs))


def test_links_lead_to_the_console_that_was_named() -> None:
    address = "https://driftlog.example.org"
    written = files(address)
    assert f"{address}/runbooks/Watchdog" in written["prometheusrule.yaml"]
    assert CONSOLE not in "".join(written.values())
    (service,) = (one for one in _of("Service") if one["metadata"]["name"] == "driftlog-console")
    assert f"http://driftlog-console:{service['spec']['ports'][0]['port']}" == CONSOLE

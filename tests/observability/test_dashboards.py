"""The dashboards by themselves: fresh, valid by Grafana's own types, complete, well laid out."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from jsonschema import Draft7Validator
from prometheus_client import CollectorRegistry

from api.red import Red
from driftlog.settings import Settings
from grafana.files import FOLDER, dashboards, written
from grafana.links import CONSOLE
from grafana.queries import metric
from stream.metrics.catalogue import CATALOGUE
from tests.architecture.imports import ROOT
from tests.observability.boards import (
    BOARDS,
    Board,
    addresses,
    complaints,
    expressions,
    panels,
    schema,
    variables,
)
from tests.observability.test_rules import rules

PROVISIONING = FOLDER.parent / "provisioning"
SCHEMA_OF = {
    "stat": ("StatOptions", None),
    "table": ("TableOptions", "TableCustom"),
    "timeseries": ("TimeseriesOptions", "TimeseriesCustom"),
    "state-timeline": ("StateTimelineOptions", "StateTimelineCustom"),
}
RECORDED = {rule["record"] for rule in rules() if "record" in rule}
OTHERS = {"up", "ALERTS", "process_cpu_seconds_total", "process_resident_memory_bytes"} | {
    "process_open_fds"
}
# Gauges a signal or series, which lie while a signal moves: what is drawn of them is recorded.
OWNED = re.compile(
    r"(?<![:\w])driftlog_(score|threshold|state|psi|effect_sd|rows|drift_share|drifted_weight|"
    r"judged_weight|decision|open_incidents|evaluation_timestamp_seconds)\b(?!:)"
)
# These two ask how many tell of a signal, which is the very point of the recording.
COUNTING = {"Judged by nobody A", "Judged twice A"}


def refused(board: Board) -> list[str]:
    """Return what the schemas refuse of a dashboard, as 'where: why'."""
    found = _against("Dashboard", board)
    for one in board["annotations"]["list"]:
        found += _against("PrometheusAnnotation", one)
    for panel in panels(board):
        options, custom = SCHEMA_OF[panel["type"]]
        found += _against(options, panel["options"])
        if custom is not None:
            found += _against(custom, panel["fieldConfig"]["defaults"].get("custom", {}))
        for target in panel["targets"]:
            found += _against("PrometheusTarget", target)
    return found


def _against(name: str, value: Any) -> list[str]:
    errors = Draft7Validator(schema(name)).iter_errors(value)
    return [f"{name}{list(error.path)}: {error.message[:300]}" for error in errors]


@pytest.mark.parametrize("name", sorted(dashboards()))
def test_a_dashboard_is_what_the_code_makes_now(name: str) -> None:
    text = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
    assert text == written()[f"{name}.json"], "run 'make docs'"


def test_no_file_is_left_of_a_dashboard_that_is_gone() -> None:
    assert set(BOARDS) == set(dashboards())


@pytest.mark.parametrize("name", sorted(BOARDS))
def test_a_dashboard_is_valid_by_grafanas_own_types(name: str) -> None:
    assert refused(BOARDS[name]) == []


def _misspelt(board: Board) -> None:
    board["refesh"] = board.pop("refresh")


def _as_text(board: Board) -> None:
    board["panels"][1]["gridPos"]["w"] = "6"


def _first(board: Board, kind: str) -> Any:
    return next(panel for panel in board["panels"] if panel["type"] == kind)


def _lines(board: Board) -> None:
    _first(board, "timeseries")["fieldConfig"]["defaults"]["custom"]["drawStyle"] = "lines"


def _dashes(board: Board) -> None:
    custom = _first(board, "timeseries")["fieldConfig"]["defaults"]["custom"]
    custom["thresholdsStyle"]["mode"] = "dashd"


def _target(board: Board) -> None:
    _first(board, "stat")["targets"][0]["query"] = "up"


def _sorted(board: Board) -> None:
    _first(board, "table")["options"]["sortBy"] = [{"name": "model"}]


@pytest.mark.parametrize("mistake", [_misspelt, _as_text, _lines, _dashes, _target, _sorted])
def test_a_mistake_is_refused_by_the_schemas(mistake: Callable[[Board], None]) -> None:
    board = copy.deepcopy(BOARDS["fleet"])
    mistake(board)
    assert refused(board)


@pytest.mark.parametrize("name", sorted(BOARDS))
def test_a_dashboard_is_complete_and_nothing_lies_on_anything(name: str) -> None:
    assert complaints(BOARDS[name]) == []


def _moved(board: Board) -> None:
    board["panels"][2]["gridPos"]["x"] -= 1


def _wide(board: Board) -> None:
    board["panels"][-1]["gridPos"]["x"] = 13


def _twin(board: Board) -> None:
    board["panels"][2]["id"] = board["panels"][1]["id"]


def _silent(board: Board) -> None:
    board["panels"][1]["description"] = ""


def _unknown(board: Board) -> None:
    board["panels"][1]["targets"][0]["expr"] = 'up{job="$jobb"}'


@pytest.mark.parametrize("mistake", [_moved, _wide, _twin, _silent, _unknown])
def test_a_mistake_of_ours_is_found(mistake: Callable[[Board], None]) -> None:
    board = copy.deepcopy(BOARDS["fleet"])
    mistake(board)
    assert len(complaints(board)) >= 1


def test_uids_and_titles_are_each_dashboards_own() -> None:
    assert [board["uid"] for board in BOARDS.values()] == [f"driftlog-{name}" for name in BOARDS]
    assert len({board["title"] for board in BOARDS.values()}) == len(BOARDS)
    assert all("driftlog" in board["tags"] for board in BOARDS.values())


@pytest.mark.parametrize("name", sorted(BOARDS))
def test_queries_ask_for_metrics_that_are_told(name: str) -> None:
    registry = CollectorRegistry()
    Red(registry)
    service = {
        told + suffix
        for family in registry.collect()
        for told in [family.name]
        for suffix in ("", "_total", "_bucket", "_sum", "_count")
    }
    known = {*RECORDED, *CATALOGUE, *OTHERS, *service}
    known |= {f"{one.name}_bucket" for one in CATALOGUE.values() if one.type == "histogram"}
    for where, expr in expressions(BOARDS[name]):
        asked = set(re.findall(r"([A-Za-z_:][\w:]*)\{", expr))
        asked |= set(re.findall(r"[\w:]*driftlog_[\w:]*", expr))
        assert asked, where
        assert asked <= known, f"{where}: {asked - known}"


@pytest.mark.parametrize("name", sorted(BOARDS))
def test_what_is_drawn_of_drift_comes_from_the_worker_that_judged_last(name: str) -> None:
    raw = {where for where, expr in expressions(BOARDS[name]) if OWNED.search(expr)}
    assert raw <= COUNTING


def test_a_metric_that_nobody_tells_is_refused_when_the_dashboard_is_made() -> None:
    with pytest.raises(KeyError, match="driftlog_scores: no metric"):
        metric("driftlog_scores")


@pytest.mark.parametrize("name", sorted(BOARDS))
def test_links_lead_to_dashboards_that_take_what_they_carry(name: str) -> None:
    by_uid = {board["uid"]: board for board in BOARDS.values()}
    for url in addresses(BOARDS[name]):
        if not url.startswith("/d/"):
            continue
        split = urlsplit(url)
        board = by_uid[split.path.removeprefix("/d/")]
        carried = {key.removeprefix("var-") for key in parse_qs(split.query) if "var-" in key}
        assert carried
        assert carried <= set(variables(board))


def test_from_the_fleet_one_comes_to_a_model_a_signal_and_the_console() -> None:
    urls = {name: " ".join(addresses(board)) for name, board in BOARDS.items()}
    assert "/d/driftlog-model?" in urls["fleet"]
    assert "/d/driftlog-signal?" in urls["model"]
    for name in ("fleet", "model", "signal"):
        assert "${console:raw}/models/" in urls[name]


@pytest.mark.parametrize("name", sorted(BOARDS))
def test_a_name_from_the_log_is_encoded_wherever_it_becomes_part_of_an_address(name: str) -> None:
    encoded = re.compile(
        r"\$\{(__data\.fields\.\w+|__field\.labels\.\w+|\w+):percentencode\}|"
        r"\$\{(datasource|job):queryparam\}|\$\{__url_time_range\}|\$\{console:raw\}"
    )
    for url in addresses(BOARDS[name]):
        assert "$" not in encoded.sub("", url), url


# -- provisioning -------------------------------------------------------------------------------


def provisioned(kind: str, file: str) -> Any:
    return yaml.safe_load((PROVISIONING / kind / file).read_text(encoding="utf-8"))


def test_the_provider_of_dashboards_has_the_keys_that_grafana_knows() -> None:
    (provider,) = provisioned("dashboards", "driftlog.yaml")["providers"]
    assert set(provider) == {
        *("name", "orgId", "folder", "folderUid", "type", "disableDeletion"),
        *("updateIntervalSeconds", "allowUiUpdates", "options"),
    }
    assert provider["type"] == "file"
    assert set(provider["options"]) == {"path", "foldersFromFilesStructure"}
    assert provider["options"]["foldersFromFilesStructure"] is False, "a folder is named"


def test_data_sources_have_the_keys_that_grafana_knows_and_fit_prometheus() -> None:
    found = provisioned("datasources", "prometheus.yaml")["datasources"]
    metrics, alerts = found
    for one in found:
        assert {"name", "uid", "type", "access", "url", "editable", "jsonData"} <= set(one)
        assert len(one["uid"]) <= 40
    assert set(metrics["jsonData"]) == {
        *("httpMethod", "prometheusType", "timeInterval", "manageAlerts", "alertmanagerUid"),
        "exemplarTraceIdDestinations",
    }
    assert metrics["jsonData"]["alertmanagerUid"] == alerts["uid"]
    prometheus = yaml.safe_load((ROOT / "prometheus" / "prometheus.yml").read_text())
    assert metrics["jsonData"]["timeInterval"] == prometheus["global"]["scrape_interval"]


def test_compose_mounts_what_is_provisioned_where_it_is_looked_for() -> None:
    compose = yaml.safe_load((ROOT / "compose" / "compose.yaml").read_text(encoding="utf-8"))
    grafana = compose["services"]["grafana"]
    mounted = dict(one.split(":")[:2][::-1] for one in grafana["volumes"])
    assert mounted["/etc/grafana/provisioning"] == "../grafana/provisioning"
    (provider,) = provisioned("dashboards", "driftlog.yaml")["providers"]
    assert mounted[provider["options"]["path"]] == "../grafana/dashboards"
    text = (PROVISIONING / "datasources" / "prometheus.yaml").read_text(encoding="utf-8")
    named = set(re.findall(r"(?<!\$)\$\{(\w+)\}", text))
    assert named == {"PROMETHEUS_URL", "ALERTMANAGER_URL", "CONSOLE_URL"}
    assert named <= set(grafana["environment"])


def test_the_console_is_where_it_listens_by_default() -> None:
    assert f"http://127.0.0.1:{Settings().console.port}" == CONSOLE
    for board in BOARDS.values():
        assert variables(board)["console"]["query"] == CONSOLE


def test_an_exemplar_leads_to_its_request_in_the_console() -> None:
    metrics, _ = provisioned("datasources", "prometheus.yaml")["datasources"]
    (to,) = metrics["jsonData"]["exemplarTraceIdDestinations"]
    assert to["name"] == "correlation_id"
    assert to["url"].endswith("$${__value.raw}"), "Grafana puts the environment in for one $"
    shown = [
        target["expr"]
        for board in BOARDS.values()
        for panel in panels(board)
        for target in panel["targets"]
        if target.get("exemplar")
    ]
    assert len(shown) == 3
    assert all("_bucket" in expr for expr in shown)

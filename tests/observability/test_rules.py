"""The alert rules, tried by promtool: each fires when it should, and not when it should not."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from stream.metrics import CATALOGUE
from tests.architecture.imports import ROOT
from tests.observability.rule_cases import CASES, UP, Case

RULES = sorted((ROOT / "prometheus" / "rules").glob("*.yml"))
RUNBOOKS = ROOT / "docs" / "runbooks"


def rules() -> Iterator[dict[str, Any]]:
    for path in RULES:
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            yield from group["rules"]


ALERTS = {rule["alert"]: rule for rule in rules() if "alert" in rule}
FILES = {
    rule["alert"]: path
    for path in RULES
    for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
    if "alert" in rule
}


def runbook(rule: dict[str, Any]) -> Path:
    """The page that the console serves under an alert's address of its runbook."""
    base, _, name = rule["annotations"]["runbook_url"].rpartition("/")
    assert base == "{{ $externalLabels.console }}/runbooks"
    return RUNBOOKS / f"{name}.md"


def promtool(*arguments: str) -> str:
    done = subprocess.run(
        ["promtool", *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def as_promtool(case: Case) -> dict[str, Any]:
    series = (UP if case.also_up else {}) | case.series
    if not case.also_up:  # the one that is not in question stays up
        series = {k: v for k, v in UP.items() if "service" in k} | series
    firing = f'count(ALERTS{{alertname="{case.alert}", alertstate="firing"}}) > bool 0 or vector(0)'
    return {
        "name": f"{case.alert}: {case.what}",
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": firing,
                "eval_time": case.at,
                "exp_samples": [{"labels": "{}", "value": int(case.fires)}],
            }
        ],
    }


@pytest.mark.prometheus
def test_rules_are_well_formed() -> None:
    promtool("check", "rules", *map(str, RULES))


@pytest.mark.prometheus
@pytest.mark.parametrize("alert", sorted(ALERTS))
def test_an_alert_fires_when_it_should_and_only_then(alert: str, tmp_path: Path) -> None:
    mine = [case for case in CASES if case.alert == alert]
    assert {case.fires for case in mine} == ({True} if alert == "Watchdog" else {True, False})
    file = tmp_path / "rules.test.yml"
    tests = {
        "rule_files": [str(RULES[0].parent / "current.yml"), str(FILES[alert])],
        "evaluation_interval": "1m",
        "tests": [as_promtool(case) for case in mine],
    }
    file.write_text(yaml.safe_dump(tests, sort_keys=False), encoding="utf-8")
    promtool("test", "rules", str(file))


def test_every_case_is_of_an_alert_there_is() -> None:
    assert {case.alert for case in CASES} == set(ALERTS)


@pytest.mark.parametrize("alert", sorted(ALERTS))
def test_an_alert_says_how_bad_where_what_and_what_to_do(alert: str) -> None:
    rule = ALERTS[alert]
    assert rule["labels"]["severity"] in {"page", "ticket", "info", "none"}
    assert rule["labels"]["layer"] in {"infrastructure", "api", "data", "model"}
    told = {"summary", "description", "runbook_url", "console_url"}
    # Of the watched service the console sees the events alone.
    service = FILES[alert].name == "service.yml"
    assert set(rule["annotations"]) == told - ({"console_url"} if service else set())
    page = runbook(rule)
    text = page.read_text(encoding="utf-8")
    for part in ("## Meaning", "## Impact", "## Diagnosis", "## Mend"):
        assert part in text, f"{page.name} has no {part}"


def test_every_runbook_is_of_an_alert() -> None:
    named = {runbook(rule).name for rule in ALERTS.values()}
    assert {page.name for page in RUNBOOKS.glob("*.md")} - {"README.md"} == named


def test_rules_ask_for_metrics_that_are_told() -> None:
    known = set(CATALOGUE) | {
        f"{name}_{part}"
        for name, metric in CATALOGUE.items()
        if metric.type == "histogram"
        for part in ("bucket", "count", "sum")
    }
    for rule in rules():
        names = set(re.findall(r"(?<![:\w])driftlog_\w+", rule["expr"]))
        assert names <= known, f"{rule.get('alert') or rule['record']}: {names - known}"
        for name, bound in re.findall(r'(\w+)_bucket\{le="([\d.]+)"\}', rule["expr"]):
            assert float(bound) in CATALOGUE[name].buckets, f"{name} has no bound {bound}"

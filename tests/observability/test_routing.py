"""Who is told what, tried by amtool; and what the files name exists."""

from __future__ import annotations

import re
import subprocess

import pytest
import yaml

from driftlog.settings import WorkerSettings
from driftlog.settings.catalogue import CATALOGUE
from tests.architecture.imports import ROOT
from tests.observability.test_rules import ALERTS, promtool

PROMETHEUS = ROOT / "prometheus" / "prometheus.yml"
ALERTMANAGER = ROOT / "prometheus" / "alertmanager.yml"
RECEIVER = {"page": "pages", "ticket": "tickets", "info": "nobody"}


def amtool(*arguments: str) -> str:
    done = subprocess.run(
        ["amtool", *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.prometheus
def test_both_configurations_are_well_formed() -> None:
    promtool("check", "config", str(PROMETHEUS))
    amtool("check-config", str(ALERTMANAGER))


@pytest.mark.prometheus
@pytest.mark.parametrize("alert", sorted(ALERTS))
def test_an_alert_reaches_those_whom_its_severity_means(alert: str) -> None:
    severity = ALERTS[alert]["labels"]["severity"]
    labels = [f"alertname={alert}", f"severity={severity}", "model=late"]
    routed = amtool("config", "routes", "test", f"--config.file={ALERTMANAGER}", *labels)
    assert routed.strip() == ("deadman" if alert == "Watchdog" else RECEIVER[severity])


def test_prometheus_scrapes_where_a_worker_answers() -> None:
    jobs = yaml.safe_load(PROMETHEUS.read_text(encoding="utf-8"))["scrape_configs"]
    targets = {job["job_name"]: job["static_configs"][0]["targets"] for job in jobs}
    assert targets["driftlog"] == [f"127.0.0.1:{WorkerSettings().port}"]


def test_what_inhibits_and_is_inhibited_exists() -> None:
    rules = yaml.safe_load(ALERTMANAGER.read_text(encoding="utf-8"))["inhibit_rules"]
    for rule in rules:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            (names,) = re.findall(r'alertname=~?"(.*)"', matcher)
            for name in names.split("|"):
                assert any(re.fullmatch(name, alert) for alert in ALERTS), name


def test_settings_that_runbooks_name_exist() -> None:
    known = {f"{entry.section}.{entry.name}" for entry in CATALOGUE.values()}
    sections = {entry.section for entry in CATALOGUE.values()}
    for page in (ROOT / "docs" / "runbooks").glob("*.md"):
        for section, name in re.findall(r"`(\w+)\.(\w+)`", page.read_text(encoding="utf-8")):
            if section in sections:
                assert f"{section}.{name}" in known | {"capture.counts"}, f"{page.name} names it"

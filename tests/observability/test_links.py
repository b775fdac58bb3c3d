"""From an alert that fires to its runbook and its page in the console, without a dead link."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote_plus

import httpx
import pytest
import yaml

from api.console.app import create_console
from api.console.hub import Hub
from driftlog.settings import Settings
from tests.architecture.imports import ROOT
from tests.e2e.receiver import receiver
from tests.e2e.waiting import holds
from tests.observability.test_rules import ALERTS, FILES, promtool

_CONFIG: Final = ROOT / "prometheus" / "prometheus.yml"
_HOSTILE: Final = 'fares/ü "&#?+%41<script>'
_NAMES: Final = {"{{ $externalLabels.console }}": "http://console", "{{ $value }}": "1"}
_END_S: Final = 30.0


def _rendered(template: str, model: str) -> str:
    """As Prometheus writes an annotation of an alert about one model."""
    known = {
        **_NAMES,
        "{{ $labels.model }}": model,
        "{{ $labels.model | urlquery }}": quote_plus(model),
    }
    for name, value in known.items():
        template = template.replace(name, value)
    return template


@pytest.mark.parametrize("model", ["late", _HOSTILE])
async def test_every_alert_leads_to_pages_that_the_console_serves(model: str) -> None:
    transport = httpx.ASGITransport(create_console(Hub(Settings())))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for alert, rule in ALERTS.items():
            for name in ("runbook_url", "console_url"):
                if name not in rule["annotations"]:
                    continue
                address = _rendered(rule["annotations"][name], model)
                assert address.startswith("http://console/") and "{{" not in address
                answer = await client.get(address.removeprefix("http://console"))
                assert answer.status_code == 200, f"{alert}: {name} leads to {address}"


@pytest.mark.prometheus
def test_prometheus_writes_addresses_that_any_name_leaves_whole(tmp_path: Path) -> None:
    rule = ALERTS["DriftIncidentWarning"]
    labels = {"job": "driftlog", "model": _HOSTILE}
    name = _HOSTILE.replace("\\", "\\\\").replace('"', '\\"')
    series = f'driftlog_open_incidents{{job="driftlog", model="{name}", severity="warning"}}'
    tests = {
        "rule_files": [str(FILES["DriftIncidentWarning"])],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "external_labels": {"console": "http://console"},
                "input_series": [{"series": series, "values": "1x5"}],
                "alert_rule_test": [
                    {
                        "eval_time": "3m",
                        "alertname": "DriftIncidentWarning",
                        "exp_alerts": [
                            {
                                "exp_labels": {**rule["labels"], **labels},
                                "exp_annotations": {
                                    key: _rendered(text, _HOSTILE)
                                    for key, text in rule["annotations"].items()
                                },
                            }
                        ],
                    }
                ],
            }
        ],
    }
    file = tmp_path / "links.test.yml"
    file.write_text(yaml.safe_dump(tests, allow_unicode=True), encoding="utf-8")
    promtool("test", "rules", str(file))


@asynccontextmanager
async def _prometheus(folder: Path, alertmanager: str) -> AsyncIterator[None]:
    """Run one with the project's configuration, at the pace of a test; it scrapes nobody."""
    config = yaml.safe_load(_CONFIG.read_text(encoding="utf-8"))
    config["global"] |= {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(_CONFIG.parent / one) for one in config["rule_files"]]
    config["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [alertmanager]}]}]
    config["scrape_configs"] = []
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with (folder / "prometheus.log").open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address={address}",
            # It may evaluate a moment before it knows where Alertmanager is.
            "--rules.alert.resend-delay=2s",
            stdout=out,
            stderr=out,
        )
    try:
        yield
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), _END_S)


@pytest.mark.prometheus
async def test_the_address_of_the_console_is_in_what_alertmanager_gets_and_is_no_label(
    tmp_path: Path,
) -> None:
    async with receiver(lambda _n: 200, "/api/v2/alerts") as (url, posted):
        target = url.removeprefix("http://").partition("/")[0]

        def sent() -> dict[str, dict[str, Any]]:
            return {one["labels"]["alertname"]: one for body, _ in posted for one in body}

        async with _prometheus(tmp_path, target):
            await holds(lambda: "Watchdog" in sent(), "an alert sent", 90)
    watchdog = sent()["Watchdog"]
    console = yaml.safe_load(_CONFIG.read_text(encoding="utf-8"))["global"]["external_labels"]
    assert watchdog["annotations"]["runbook_url"] == f"{console['console']}/runbooks/Watchdog"
    assert console["console"] == f"http://127.0.0.1:{Settings().console.port}"
    assert all("console" not in one["labels"] for one in sent().values())

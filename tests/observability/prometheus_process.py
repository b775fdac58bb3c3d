"""A real Prometheus with the project's own configuration and rules, at the pace of a test."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from tests.architecture.imports import ROOT
from tests.e2e.waiting import eventually

__all__ = ["Prometheus", "Sample", "prometheus"]

_NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # nothing here speaks it
_CONFIG: Final = ROOT / "prometheus" / "prometheus.yml"
_END_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One series of an answer, with its values as (seconds since 1970, value)."""

    labels: Mapping[str, str]
    values: Sequence[tuple[float, float]]


class Prometheus:
    """What it answers; `prometheus` starts one."""

    def __init__(self, url: str, client: httpx.AsyncClient, folder: Path) -> None:
        self.url = url
        self._client = client
        self._folder = folder

    def watch(self, job: str, addresses: Sequence[str]) -> None:
        """Let it scrape these, host and port, for a job of its configuration."""
        new = self._folder / f"{job}.new"
        new.write_text(json.dumps([{"targets": list(addresses)}]), encoding="utf-8")
        new.replace(self._folder / f"{job}.json")  # it reads a file as soon as it changes

    async def _ask(self, path: str, **what: str | float) -> Any:
        answer = (await self._client.get(f"/api/v1/{path}", params=what)).json()
        if answer["status"] != "success":
            raise ValueError(answer["error"])
        return answer["data"]

    async def now(self, expr: str) -> list[Sample]:
        """Return the answer at this moment.

        Raises:
            ValueError: it is no PromQL; the text says why.
        """
        data = await self._ask("query", query=expr)
        if data["resultType"] == "scalar":
            return [Sample({}, [_point(data["result"])])]
        return [Sample(one["metric"], [_point(one["value"])]) for one in data["result"]]

    async def over(self, expr: str, start: float, end: float, step: float) -> list[Sample]:
        """Return the answers between two times, in seconds since 1970.

        Raises:
            ValueError: it is no PromQL; the text says why.
        """
        data = await self._ask("query_range", query=expr, start=start, end=end, step=step)
        return [
            Sample(one["metric"], [_point(each) for each in one["values"]])
            for one in data["result"]
        ]

    async def label_values(self, series: str, label: str) -> list[str]:
        """Return the values of a label among the series of a selector."""
        found: list[str] = await self._ask(f"label/{label}/values", **{"match[]": series})
        return found

    async def exemplars(self, expr: str, start: float, end: float) -> list[dict[str, str]]:
        """Return the labels of every exemplar of the series in an expression."""
        found = await self._ask("query_exemplars", query=expr, start=start, end=end)
        return [each["labels"] for one in found for each in one["exemplars"]]

    async def scraped(self) -> dict[str, str]:
        """Return the health of each target by its address: up, down or unknown."""
        found = await self._ask("targets", state="active")
        return {one["labels"]["instance"]: one["health"] for one in found["activeTargets"]}


def _point(told: Sequence[Any]) -> tuple[float, float]:
    return float(told[0]), float(told[1])


@asynccontextmanager
async def prometheus(
    folder: Path, targets: Mapping[str, Sequence[str]]
) -> AsyncIterator[Prometheus]:
    """Run it inside the block; it scrapes and evaluates each second.

    Args:
        folder: for its files.
        targets: addresses, host and port, by the job of ``prometheus/prometheus.yml``.
    """
    config = yaml.safe_load(_CONFIG.read_text(encoding="utf-8"))
    config["global"] |= {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(_CONFIG.parent / one) for one in config["rule_files"]]
    del config["alerting"]
    for job in config["scrape_configs"]:
        del job["static_configs"]
        watched = str(folder / f"{job['job_name']}.json")
        job["file_sd_configs"] = [{"files": [watched], "refresh_interval": "5s"}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    log = folder / "prometheus.log"
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address={address}",
            "--enable-feature=exemplar-storage",
            "--log.level=warn",
            stdout=out,
            stderr=out,
        )

    async def ready() -> bool:
        assert process.returncode is None, log.read_text()
        try:
            return (await client.get("/-/ready")).is_success
        except httpx.HTTPError:
            return False

    url = f"http://{address}"
    async with httpx.AsyncClient(base_url=url, verify=_NO_TLS, timeout=60) as client:
        server = Prometheus(url, client, folder)
        for name, addresses in targets.items():
            server.watch(name, addresses)
        try:
            await eventually(ready, "a Prometheus")
            yield server
        finally:
            if process.returncode is None:
                process.terminate()
            await asyncio.wait_for(process.wait(), _END_S)

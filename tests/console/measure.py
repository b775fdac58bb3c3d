"""``python -m tests.console.measure``: what the console costs, of a process with people looking on.

Three situations, each a console process of its own before an embedded broker on this machine:

- 50 browsers' streams of the page of one model version with 200 signals, a pane each second: CPU
  share of one core over half a minute, resident memory, bytes sent;
- how long Chromium takes to the first contentful paint of three pages (200 signals, warm);
- 5,000 series, each a model version of five signals: time to answer, size of the page, memory.

Processor time is the console's own and holds on a busy machine; what is said in milliseconds of the
clock holds for a machine that has nothing else to do, so the load is told.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from typing import Final
from urllib.parse import quote, urlsplit

import httpx
from playwright.sync_api import sync_playwright

from api.console import links
from driftlog.records import SignalState
from driftlog.terminal import echo
from driftlog.testing.embedded import EmbeddedBroker
from tests.api.console import samples
from tests.console.stage import Stage, staged

CLIENTS: Final = 50
SIGNALS: Final = 200
SERIES: Final = 5_000
SECONDS: Final = 30.0
PAINTS: Final = 7
_ANSWERS: Final = 20
_MODEL: Final = "many signals"


def many(pane: int) -> samples.Sample:
    """A pane of 200 signals, of which three have drifted."""
    signals = tuple(
        samples.quiet(
            f"signal {number:03}", pane, SignalState.DRIFT if number < 3 else SignalState.OK
        )
        for number in range(SIGNALS)
    )
    return samples.verdict(pane, signals, model=_MODEL, version="1")


def cpu_s(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid: int) -> float:
    """Resident memory of a process in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1000
    raise SystemExit(f"process {pid} is gone")


@contextmanager
def told_every_second(stage: Stage, first: int) -> Iterator[None]:
    """Write a pane of 200 signals each second inside the block."""
    ended = threading.Event()

    def tell() -> None:
        pane = first
        while not ended.wait(1.0):
            stage.write([many(pane)])
            pane += 1

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


async def _follow(url: str, link: str, ended: asyncio.Event, tally: list[int]) -> None:
    """Read one stream as a browser does; counts bytes and events."""
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(
        f"GET /stream?page={quote(link, safe='')} HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n".encode()
    )
    try:
        while not ended.is_set():
            got = await asyncio.wait_for(reader.read(1 << 20), 120)
            if not got:
                raise SystemExit("a stream ended")
            tally[0] += len(got)
            tally[1] += got.count(b"event: sections")
    finally:
        writer.close()


async def _streams(stage: Stage, link: str) -> tuple[float, list[int]]:
    ended = asyncio.Event()
    tally = [0, 0]
    readers = [asyncio.create_task(_follow(stage.url, link, ended, tally)) for _ in range(CLIENTS)]
    await asyncio.sleep(5)  # all have the whole page
    tally[:] = [0, 0]
    before, began = cpu_s(stage.pid), time.monotonic()
    await asyncio.sleep(SECONDS)
    share = (cpu_s(stage.pid) - before) / (time.monotonic() - began)
    counted = list(tally)
    ended.set()
    await asyncio.gather(*readers)
    return share, counted


def _paints(url: str, pages: dict[str, str]) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=which("chromium"))
        page = browser.new_page()
        for name, link in pages.items():
            found = []
            for _ in range(PAINTS):
                page.goto(url + link)
                page.wait_for_selector("html[data-ready]")
                found.append(
                    page.evaluate(
                        "performance.getEntriesByName('first-contentful-paint')[0].startTime"
                    )
                )
            echo(
                f"first paint, {name}: median {statistics.median(found):.0f} ms, "
                f"quickest {min(found):.0f} ms of {PAINTS}"
            )
        browser.close()


def _answers(stage: Stage, path: str) -> str:
    with httpx.Client(base_url=stage.url, timeout=60) as client:
        client.get(path)
        found = []
        before = cpu_s(stage.pid)
        for _ in range(_ANSWERS):
            began = time.perf_counter()
            answer = client.get(path)
            found.append(1000 * (time.perf_counter() - began))
            assert answer.status_code == 200
            time.sleep(0.25)  # beyond what one view serves
    used = 1000 * (cpu_s(stage.pid) - before) / _ANSWERS
    size = len(answer.content) / 1000
    return (
        f"{used:.0f} ms of processor, {size:.0f} kB; by the clock median "
        f"{statistics.median(found):.0f} ms, quickest {min(found):.0f} ms"
    )


def main() -> None:
    """Measure, and say what was found."""
    folder = Path(tempfile.mkdtemp(prefix="driftlog-console-"))
    echo(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    with EmbeddedBroker() as broker:
        model = links.model(_MODEL, "1")
        first = [many(pane) for pane in range(60)]
        with staged(broker, folder, first) as stage, told_every_second(stage, 60):
            share, (size, events) = asyncio.run(_streams(stage, model))
            echo(
                f"{CLIENTS} streams of {SIGNALS} signals, a pane a second: {share:.0%} of a core, "
                f"{rss_mb(stage.pid):.0f} MB, {events / CLIENTS / SECONDS:.1f} news a second and "
                f"browser (each {share * SECONDS * CLIENTS * 1000 / max(1, events):.0f} ms of "
                f"processor), {size / SECONDS / 1e6:.1f} MB/s in all"
            )
            pages = {"fleet": "/", "model": model}
            pages["signal"] = links.signal(_MODEL, "1", "*", "signal 000")
            _paints(stage.url, pages)
        told = [
            samples.verdict(
                59,
                tuple(samples.quiet(f"signal {number}", 59) for number in range(5)),
                model=f"model {at:04}",
                version="1",
            )
            for at in range(SERIES)
        ]
        with staged(broker, folder, told) as stage:
            echo(f"{SERIES:,} series: {rss_mb(stage.pid):.0f} MB")
            for path in ("/", "/?page=50", "/?query=model+4999", "/api/v1/fleet"):
                echo(f"  {path}: {_answers(stage, path)}")
            share, (_, events) = asyncio.run(_streams(stage, "/"))
            echo(f"  {CLIENTS} streams of the fleet page, no news: {share:.0%} of a core")


if __name__ == "__main__":
    if which("chromium") is None:
        sys.exit("chromium is not there: apt-get install chromium")
    main()

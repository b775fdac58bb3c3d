"""``make screenshots``: the pictures of the README, of a real worker that watches a real service.

The parts of the demo run with quiet traffic, one change is injected, and when its incident is open
the pages are photographed, as a person would find them. Takes about two minutes.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Any, Final

import httpx
from playwright.async_api import Browser, ViewportSize, async_playwright

from api.console.app import create_console
from api.console.hub import Hub
from api.faults import Faults
from api.model import load_or_train
from api.service import create_app
from demo.flights import endless_rows, quiet_rows, reference
from demo.process import worker
from demo.stages import RATE, STAGES, WARM_UP_S, worker_environment
from demo.traffic import Traffic
from driftlog.capture import Capture
from driftlog.serving import running
from driftlog.settings import load_settings
from driftlog.terminal import echo
from driftlog.testing.embedded import EmbeddedBroker
from producers.scenario import measure
from stream.references import publish_reference
from stream.topics import worker_topics

FOLDER: Final = Path(__file__).resolve().parents[2] / "docs" / "pictures"
_WITHIN_S: Final = 120.0
_COURSE_S: Final = 6.0  # of drift, so that there is something to see
_WIDE: Final[ViewportSize] = {"width": 1280, "height": 800}
_NARROW: Final[ViewportSize] = {"width": 400, "height": 800}


@dataclass(frozen=True)
class _Running:
    console: str
    traffic: Traffic


@asynccontextmanager
async def _stack() -> AsyncIterator[_Running]:
    """The demo's parts with a console, and quiet traffic."""
    model = await asyncio.to_thread(load_or_train)
    with EmbeddedBroker() as broker:
        environment = worker_environment(broker.bootstrap)
        settings = load_settings(Path(os.devnull), environment)
        broker.create_topics(worker_topics(settings))
        await publish_reference(settings.kafka, await asyncio.to_thread(reference, model, RATE, 0))
        faults = Faults()
        capture = Capture(settings, model=model.name, version=model.version)
        async with (
            capture,
            running(create_app(model, capture, faults=faults)) as service,
            worker(environment),
            running(create_console(Hub(settings))) as console,
        ):
            rows = quiet_rows(model, 0)
            traffic = Traffic(service, endless_rows(model, 0), measure(rows), faults, RATE, 0)
            sending = asyncio.create_task(traffic.run())
            try:
                yield _Running(console, traffic)
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)


async def _open_incident(client: httpx.AsyncClient) -> Mapping[str, Any]:
    until = time.monotonic() + _WITHIN_S
    while time.monotonic() < until:
        found = (await client.get("/api/v1/incidents?which=open")).json()["rows"]
        if found:
            first: Mapping[str, Any] = found[0]
            return first
        await asyncio.sleep(0.2)
    raise SystemExit(f"no incident within {_WITHIN_S:.0f} s of the change")


async def _take(
    browser: Browser, url: str, name: str, scheme: Any, size: ViewportSize, to: int
) -> None:
    """Photograph one page from its top, at most ``to`` pixels of it."""
    context = await browser.new_context(viewport=size, color_scheme=scheme)
    page = await context.new_page()
    await page.goto(url)
    await page.wait_for_selector("html[data-ready][data-seq]")
    await asyncio.sleep(0.5)  # a chart is drawn in the next frame
    whole = await page.evaluate("document.documentElement.scrollHeight")
    file = FOLDER / f"{name}.png"
    await page.screenshot(
        path=file,
        full_page=True,
        clip={"x": 0, "y": 0, "width": size["width"], "height": min(whole, to)},
    )
    await context.close()
    echo(f"{file.relative_to(FOLDER.parents[1])}: {file.stat().st_size // 1000} kB")


async def _take_part(browser: Browser, url: str, name: str, heading: str) -> None:
    """Photograph the section of one page that a heading begins."""
    page = await browser.new_page(viewport=_WIDE)
    await page.goto(url)
    await page.wait_for_selector("#chart[data-points]")
    part = page.locator("section", has=page.locator(heading))
    await part.screenshot(path=FOLDER / f"{name}.png")
    await page.close()


async def _pictures() -> None:
    FOLDER.mkdir(exist_ok=True)
    async with _stack() as stack:
        echo(f"quiet traffic for {WARM_UP_S:.0f} s")
        await asyncio.sleep(WARM_UP_S)
        stage = STAGES[0]
        echo(f"a change: {stage.says}")
        stack.traffic.begin(stage)
        async with httpx.AsyncClient(base_url=stack.console) as client:
            incident = await _open_incident(client)
            await asyncio.sleep(_COURSE_S)
            about = (await client.get(f"/api/v1{incident['link']}")).json()
        signal = about["signals"][0]["link"]
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=which("chromium"))
            for name, link, scheme, size, to in (
                ("console-fleet", "/", "light", _WIDE, 420),
                ("console-model", about["model_link"], "light", _WIDE, 1150),
                ("console-signal", signal, "light", _WIDE, 1215),
                ("console-signal-dark", signal, "dark", _WIDE, 760),
                ("console-incident", incident["link"], "light", _WIDE, 1000),
                ("console-narrow", about["model_link"], "dark", _NARROW, 1000),
            ):
                await _take(browser, stack.console + link, name, scheme, size, to)
            await _take_part(browser, stack.console + signal, "console-course", "#course")
            await browser.close()
        stack.traffic.end()


if __name__ == "__main__":
    if which("chromium") is None:
        sys.exit("chromium is not there: apt-get install chromium")
    asyncio.run(_pictures())

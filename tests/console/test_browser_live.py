"""Pages that are looked at while things happen: news, silence, and what a person does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx
import msgspec
import pytest
from playwright.sync_api import Page, expect

from api.console import links
from driftlog.records import VERDICT, SignalState
from driftlog.testing.embedded import EmbeddedBroker
from tests.api.console import samples
from tests.api.console.samples import ALERT_ID, MODEL, PANE_MS, PANES, START_MS
from tests.console.stage import WITHIN_S, Stage, staged

pytestmark = pytest.mark.browser

MS = WITHIN_S * 1000
INCIDENT = links.incident(ALERT_ID)


@pytest.fixture(scope="module", autouse=True)
def _patience() -> Iterator[None]:
    expect.set_options(timeout=MS)
    yield
    expect.set_options(timeout=5_000)


@pytest.fixture
def stage(driftlog_broker: EmbeddedBroker, tmp_path: Any) -> Iterator[Stage]:
    with staged(driftlog_broker, tmp_path, samples.story()) as stage:
        yield stage


def opened(page: Page, url: str) -> None:
    page.goto(url)
    page.wait_for_selector("html[data-ready][data-seq]")


def moved(pane: int, name: str) -> samples.Sample:
    """A pane at which two signals have drifted."""
    signals = (
        samples.quiet("temp", pane, SignalState.DRIFT),
        *(samples.quiet(one, pane) for one in ("carrier", "confidence", "latency")),
        samples.quiet(name, pane, SignalState.DRIFT),
    )
    return samples.verdict(pane, signals)


def test_news_come_by_themselves_and_pause_holds_them(page: Page, stage: Stage) -> None:
    opened(page, f"{stage.url}{links.model(MODEL, '3')}")
    row = page.locator('tr[data-key="distance"]')
    expect(row).to_have_attribute("data-state", "ok")
    focused = page.locator('tr[data-key="carrier"] a')
    focused.focus()
    stage.write([moved(PANES, "distance")])
    expect(row).to_have_attribute("data-state", "drift")
    expect(page.locator(".bar .words")).to_contain_text("2 of 6 signals have drifted")
    # The page was not loaded anew: what had the focus has it.
    expect(focused).to_be_focused()

    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".bar .fresh")).to_contain_text("paused")
    stage.write([moved(PANES + 1, "never seen")])
    # The page has been told, and holds it.
    expect(page.locator("html")).to_have_attribute("data-held", re.compile("live_signals"))
    expect(page.locator('tr[data-key="never seen"]')).to_have_count(0)
    page.get_by_role("button", name="Go on").click()
    expect(page.locator('tr[data-key="never seen"]')).to_have_count(1)


def test_a_console_that_is_gone_turns_the_page_grey_until_it_is_back(
    page: Page, stage: Stage
) -> None:
    opened(page, stage.url)
    expect(page).to_have_title(re.compile("^▲ drift"))
    stage.stop()
    expect(page.locator("html")).to_have_attribute("data-stream", "gone")
    expect(page.locator(".bar .fresh")).to_contain_text("disconnected for")
    expect(page.locator("#notice")).to_contain_text("has not answered since")
    expect(page).to_have_title(re.compile("^✕ disconnected"))
    expect(page.locator("#favicon")).to_have_attribute("href", "/static/icons/gone.svg")
    assert page.locator(".fresh-live").count() == 0
    stage.start()
    expect(page.locator("html")).to_have_attribute("data-stream", "live")
    expect(page).to_have_title(re.compile("^▲ drift"))
    expect(page.locator("#notice")).to_be_hidden()


def test_workers_that_fall_silent_turn_a_quiet_page_stale_and_never_green(
    page: Page, driftlog_broker: EmbeddedBroker, tmp_path: Any
) -> None:
    # Panes of a second, so that the wait is short.
    told = [one for one in samples.story() if one.topic == "references"]
    for number in range(20):
        one = samples.verdict(number, (samples.quiet("temp", number),))
        record = VERDICT.decode(one.value)
        start = START_MS + number * 1_000
        record = msgspec.structs.replace(record, pane_ms=start, pane_end_ms=start + 1_000)
        told.append(samples.Sample(one.topic, one.key, VERDICT.encode(record), one.at_ms))
    with staged(driftlog_broker, tmp_path, told) as stage:
        opened(page, stage.url)
        badge = page.locator(".bar .fresh")
        expect(badge).to_have_text("live")
        stage.beating.clear()
        expect(badge).to_contain_text("stale")
        expect(page.locator(".bar")).to_have_attribute("data-state", "stale")
        expect(page).to_have_title(re.compile("^▨ stale"))
        assert page.locator(".fresh-live").count() == 0
        stage.beating.set()
        expect(badge).to_have_text("live")


def test_acknowledging_and_silencing_are_written_down_and_survive_a_restart(
    page: Page, stage: Stage
) -> None:
    opened(page, stage.url + INCIDENT)
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.locator("[data-told]")).to_contain_text("Say who you are")
    expect(page.get_by_label("Your name")).to_be_focused()
    page.get_by_label("Your name").fill("grace")
    page.get_by_label("Note").fill("<b>looking</b> at it")
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.locator("[data-told]")).to_have_text("Written down.")
    expect(page.locator(".headline")).to_contain_text("by grace")
    expect(page.locator(".acting tbody")).to_contain_text("<b>looking</b> at it")

    page.get_by_label("Silence for").select_option("4 hours")
    page.get_by_role("button", name="Silence", exact=True).click()
    expect(page.locator(".headline")).to_contain_text("until")
    incident = httpx.get(f"{stage.url}/api/v1{INCIDENT}").json()
    until = datetime.fromtimestamp(incident["incident"]["silenced_until_ms"] / 1000)
    assert 3.9 < (until - datetime.now()).total_seconds() / 3600 < 4.1

    stage.stop()
    stage.start()
    page.reload()
    expect(page.locator(".headline")).to_contain_text("by grace")
    expect(page.locator(".acting tbody tr")).to_have_count(3)  # with what the story tells
    # The name is remembered; ending a silence is an act as well.
    expect(page.get_by_label("Your name")).to_have_value("grace")
    page.get_by_role("button", name="End the silence").click()
    expect(page.locator(".headline")).to_contain_text("none")
    expect(page.locator(".acting tbody tr")).to_have_count(4)


def test_accepting_asks_first_and_nothing_happens_when_left(page: Page, stage: Stage) -> None:
    opened(page, stage.url + INCIDENT)
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url) if one.method == "POST" else None)
    page.get_by_label("Your name").fill("grace")
    button = page.get_by_role("button", name="Accept as the new usual…")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Leave it")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_be_hidden()
    expect(button).to_be_focused()
    assert asked == []
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Accept as usual").click()
    # There are no rows on this log to build one from: said in words, and not done.
    expect(page.locator("[data-told]")).to_contain_text("Not done:")
    assert len(asked) == 1


def test_what_comes_is_drawn(page: Page, stage: Stage) -> None:
    opened(page, stage.url + links.signal(MODEL, "3", "*", "distance"))
    stage.write([moved(PANES, "distance")])
    expect(page.locator("#chart")).to_have_attribute("data-points", str(PANES + 1))
    drawn = page.evaluate("window.driftlogChart.columns[0].at(-1)")
    assert drawn == (START_MS + (PANES + 1) * PANE_MS) / 1000

"""Every page in Chromium, of records on a broker: readable by all, asking nobody else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any, Literal
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from api.console import links
from driftlog.records import SignalState
from driftlog.testing.embedded import EmbeddedBroker
from tests.api.console import samples
from tests.api.console.samples import ALERT_ID, MODEL
from tests.console.conftest import Watched
from tests.console.sample_pages import NAMES, hostile_story
from tests.console.stage import WITHIN_S, Stage, staged
from tests.hostile_names import HOSTILE

pytestmark = pytest.mark.browser

SIGNAL = links.signal(MODEL, "3", "*", "temp")
WIDE = "many signals"
PAGES = {
    "fleet": "/",
    "model": links.model(MODEL, "3"),
    "signal": SIGNAL,
    "incidents": "/incidents",
    "incident": links.incident(ALERT_ID),
    "pipeline": "/pipeline",
    "events": "/events",
    "runbook": links.runbook("DriftIncidentCritical"),
    "hostile model": links.model(HOSTILE["html"], HOSTILE["quotes"]),
    "hostile signal": links.signal(HOSTILE["html"], HOSTILE["quotes"], "*", HOSTILE["html"]),
    "no page": "/models/nobody/1",
}
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], "resultTypes": ["violations"]}


@pytest.fixture(scope="module")
def stage(
    driftlog_broker: EmbeddedBroker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    wide = tuple(samples.quiet(f"signal {number:03}", 59) for number in range(199))
    moved = (samples.quiet("the one", 59, SignalState.DRIFT),)
    told = [
        *samples.story(),
        *hostile_story(),
        samples.verdict(59, wide + moved, model=WIDE, version="1"),
    ]
    with staged(driftlog_broker, tmp_path_factory.mktemp("console"), told) as stage:
        yield stage


def opened(page: Page, url: str) -> None:
    page.goto(url)
    page.wait_for_selector("html[data-ready]")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_read_by_all_and_asks_nobody_else(
    name: str, scheme: Scheme, page: Page, watched: Watched, stage: Stage
) -> None:
    page.emulate_media(color_scheme=scheme)
    opened(page, stage.url + PAGES[name])
    found = Axe().run(page, options=_RULES)
    assert found.violations_count == 0, found.generate_report()
    page.set_viewport_size({"width": 400, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    if scheme == "light":  # the colours have been looked at
        narrow = Axe().run(page, options=_RULES)
        assert narrow.violations_count == 0, narrow.generate_report()
    assert watched.hosts == {"http://127.0.0.1"}
    complaints = [one for one in watched.complaints if name != "no page" or "404" not in one]
    assert complaints == []


def test_the_first_paint_needs_no_script(browser: Browser, stage: Stage) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(stage.url + SIGNAL)
    expect(page.locator(".headline")).to_contain_text("temp up 20")
    expect(page.locator(".bins tbody tr")).to_have_count(5)
    expect(page.locator(".lane .run").first).to_be_attached()
    expect(page.locator(".switches")).to_be_hidden()
    context.close()


def test_charts_and_bins_show_the_numbers_of_the_api(page: Page, stage: Stage) -> None:
    opened(page, stage.url + SIGNAL)
    page.wait_for_selector("#chart[data-points]")
    told: dict[str, Any] = httpx.get(f"{stage.url}/api/v1{SIGNAL}").json()
    points = told["points"]
    drawn = page.evaluate("window.driftlogChart")
    assert drawn["columns"][0] == [ms / 1000 for ms in points["pane_end_ms"]]
    assert drawn["detectors"] == list(points["scores"])
    for column, name in zip(drawn["columns"][1:], drawn["detectors"], strict=True):
        pairs = zip(points["scores"][name], points["thresholds"][name], strict=True)
        assert column == pytest.approx([score / threshold for score, threshold in pairs])
    assert [one["kind"] for one in drawn["told"]["marks"]] == [m["kind"] for m in told["marks"]]
    # Something is drawn of it: a canvas whose pixels are not all the same.
    ink = page.evaluate(
        "(() => { const c = document.querySelector('#chart canvas'); const d ="
        " c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        " let n = 0; for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return n; })()"
    )
    assert ink > 500
    rows = page.locator(".bins tbody tr")
    expect(rows).to_have_count(len(told["bins"]))
    for at, one in enumerate(told["bins"]):
        expect(rows.nth(at).locator("th")).to_have_text(one["bin"])


def test_hostile_names_are_shown_as_text(page: Page, watched: Watched, stage: Stage) -> None:
    opened(page, stage.url + PAGES["hostile model"])
    expect(page.locator("h1")).to_contain_text("<script>alert(1)</script>")
    expect(page.locator("#signal-rows tbody tr")).to_have_count(len(set(NAMES)))
    # Each leads to its own page, whatever is in its name.
    for at in range(len(set(NAMES))):
        link = page.locator("#signal-rows tbody th a").nth(at)
        target = urljoin(stage.url, link.get_attribute("href") or "")
        answer = httpx.get(target)
        assert answer.status_code == 200, target
    assert watched.complaints == []
    assert (
        page.evaluate("document.querySelectorAll('main img, main script:not([type])').length") == 0
    )


def test_two_hundred_signals_are_usable(page: Page, stage: Stage) -> None:
    opened(page, stage.url + links.model(WIDE, "1"))
    rows = page.locator("#signal-rows tbody tr")
    expect(rows).to_have_count(200)
    expect(rows.first).to_have_attribute("data-key", "the one")
    page.get_by_label("Show signals called").fill("signal 17")
    expect(page.locator("#signal-rows tbody tr:visible")).to_have_count(10)
    # What is looked at can be handed on as an address.
    page.reload()
    page.wait_for_selector("html[data-ready]")
    expect(page.locator("#signal-rows tbody tr:visible")).to_have_count(10)
    page.get_by_label("Show signals called").fill("")
    page.get_by_label("only those that changed").check()
    expect(page.locator("#signal-rows tbody tr:visible")).to_have_count(1)


def test_times_theme_and_zone_are_chosen_and_remembered(browser: Browser, stage: Stage) -> None:
    context = browser.new_context(timezone_id="Asia/Tokyo", color_scheme="light")
    page = context.new_page()
    opened(page, stage.url + SIGNAL)
    time = page.locator(".headline time").first
    in_utc = time.inner_text()
    page.get_by_role("button", name="UTC").click()
    expect(time).not_to_have_text(in_utc)
    hours = (int(time.inner_text()[11:13]) - int(in_utc[11:13])) % 24
    assert hours == 9
    expect(page.locator("footer [data-zone]")).to_have_text("Asia/Tokyo")
    page.get_by_role("button", name="Theme: system").click()
    page.get_by_role("button", name="Theme: light").click()
    page.reload()
    page.wait_for_selector("html[data-ready]")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.get_by_role("button", name="Local time")).to_be_visible()
    context.close()


@pytest.mark.parametrize("name", ["fleet", "model", "signal", "incident", "events"])
def test_all_can_be_reached_by_keyboard_and_focus_is_seen(
    name: str, page: Page, stage: Stage
) -> None:
    opened(page, stage.url + PAGES[name])
    # Kept by identity, and lists of the newest move on: nothing may come meanwhile.
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".bar .fresh")).to_contain_text("paused")
    count = page.evaluate(
        """() => (window.probes = [...document.querySelectorAll(
             'a[href], button, input, select, [tabindex="0"]')].filter(e => e.checkVisibility()))
           .length"""
    )
    reached: dict[int, str] = {}
    for _ in range(count + 5):
        page.keyboard.press("Tab")
        at, outline = page.evaluate(
            """() => { const e = document.activeElement;
               return [window.probes.indexOf(e), getComputedStyle(e).outlineStyle]; }"""
        )
        reached.setdefault(at, outline)
    wanted = set(range(count))
    assert wanted <= reached.keys()
    assert {reached[at] for at in wanted} == {"solid"}


def test_the_keyboard_alone_pauses_and_opens_what_is_worst(page: Page, stage: Stage) -> None:
    opened(page, stage.url)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the link past the top
    expect(page.locator("#main")).to_be_focused()
    page.get_by_role("button", name="Pause").focus()
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Go on")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("link", name=MODEL).first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text(MODEL)


def test_no_link_is_dead(stage: Stage) -> None:
    found = {"/": "the start"}
    waiting = ["/"]
    with httpx.Client(base_url=stage.url, timeout=WITHIN_S, follow_redirects=True) as client:
        while waiting:
            path = waiting.pop()
            answer = client.get(path)
            assert answer.status_code == 200, f"{path} of {found[path]}: {answer.status_code}"
            if "html" not in answer.headers["content-type"]:
                continue
            ids = set(re.findall(r' id="([^"]*)"', answer.text))
            for held in re.findall(r'(?:href|src)="([^"]*)"', answer.text):
                target = urljoin(path, unescape(held))
                if held.startswith("#"):
                    assert held[1:] in ids, f"{held} of {path}"
                    continue
                assert not urlsplit(target).netloc, target
                target = target.partition("#")[0]
                if target not in found:
                    found[target] = path
                    waiting.append(target)
    assert {links.incident(ALERT_ID), SIGNAL, "/pipeline", "/events"} <= found.keys()
    assert [one for one in found if one.startswith("/runbooks/")]

"""Streams of news: what browsers are sent, and what happens to those that do not take it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from api.console.fleet import page_fields
from api.console.streaming import FullError, Streaming
from api.console.views import Page
from tests.api.console.samples import NOW_MS, known
from tests.e2e.waiting import holds


class Shown:
    """What a page shows, changed by the test."""

    def __init__(self) -> None:
        self.sections = {"bar": "ok", "table": "<tr>0</tr>"}
        self.made = 0
        self.known = True
        self.breaks = False

    def view(self, _link: str) -> Page | None:
        return Page(**page_fields(known([]), "title", "/")) if self.known else None

    def html(self, _view: Page) -> dict[str, str]:
        self.made += 1
        if self.breaks:
            raise RuntimeError("a template")
        return dict(self.sections)


@asynccontextmanager
async def streaming(shown: Shown, most: int = 10) -> AsyncIterator[Streaming]:
    made = Streaming(shown.view, shown.html, lambda: NOW_MS, most, pace_s=0.001)
    running = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        made.end()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def news(events: AsyncIterator[bytes]) -> tuple[int, str, Any]:
    """The next event that is no beat: id, name and data."""
    async with asyncio.timeout(60):
        while True:
            lines = (await anext(events)).decode().strip().split("\n")
            fields = dict(line.split(": ", 1) for line in lines)
            if fields.get("event") not in (None, "beat"):
                return int(fields["id"]), fields["event"], json.loads(fields["data"])


async def test_everything_comes_first_and_then_what_changed() -> None:
    shown = Shown()
    async with streaming(shown) as streams:
        events = streams.follow("/")
        number, name, data = await news(events)
        assert (name, data["html"], data["link"]) == ("sections", shown.sections, "/")
        shown.sections = {**shown.sections, "bar": "drift"}
        later, _, data = await news(events)
        assert data["html"] == {"bar": "drift"}
        assert later > number


async def test_one_who_takes_nothing_begins_anew_and_holds_nobody_up() -> None:
    shown = Shown()
    async with streaming(shown) as streams:
        slow, quick = streams.follow("/"), streams.follow("/")
        await news(slow)
        await news(quick)
        for count in range(1, 40):
            shown.sections = {**shown.sections, "table": f"<tr>{count}</tr>"}
            assert (await news(quick))[2]["html"]["table"] == f"<tr>{count}</tr>"
        # What waited for it is gone; it is sent all of what is shown now.
        _, _, data = await news(slow)
        assert data["html"] == shown.sections


async def test_what_all_are_sent_is_made_once() -> None:
    shown = Shown()
    async with streaming(shown) as streams:
        followers = [streams.follow("/") for _ in range(10)]
        for one in followers:
            await news(one)
        shown.sections = {"bar": "drift"}
        sent = []
        for one in followers:
            async with asyncio.timeout(60):
                while b"drift" not in (event := await anext(one)):
                    pass
            sent.append(event)
        assert len({id(event) for event in sent}) == 1


async def test_no_more_follow_than_may() -> None:
    async with streaming(Shown(), most=1) as streams:
        events = streams.follow("/")
        await news(events)
        with pytest.raises(FullError, match=r"console\.clients"):
            streams.check()
        await events.aclose()  # type: ignore[attr-defined]
        streams.check()
        assert len(streams) == 0


async def test_a_page_that_is_no_longer_known_is_over() -> None:
    shown = Shown()
    async with streaming(shown) as streams:
        events = streams.follow("/")
        await news(events)
        shown.known = False
        assert (await news(events))[1] == "over"


async def test_a_page_that_cannot_be_made_stops_no_stream() -> None:
    shown = Shown()
    async with streaming(shown) as streams:
        events = streams.follow("/")
        await news(events)
        shown.breaks, made = True, shown.made
        await holds(lambda: shown.made >= made + 3, "three pages that could not be made")
        shown.breaks = False
        shown.sections = {"bar": "drift"}
        assert (await news(events))[2]["html"] == {"bar": "drift"}


async def test_a_beat_comes_without_any_news() -> None:
    async with streaming(Shown()) as streams:
        events = streams.follow("/")
        async with asyncio.timeout(60):
            while b"event: beat" not in await anext(events):
                pass

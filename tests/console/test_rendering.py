"""Pages as documents: complete without a script, safe whatever the log says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html.parser import HTMLParser

import pytest

from api.console.rendering import page, plain_page, sections
from api.console.views import Page
from tests.api.console.samples import ALERT_ID, known
from tests.console.sample_pages import hostile_views, views

VIEWS: Mapping[str, Page] = views(known(), ALERT_ID)
each_page = pytest.mark.parametrize("name", VIEWS)


class Document(HTMLParser):
    """What a document holds, for questions about it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@each_page
def test_a_page_has_all_of_its_live_sections_from_the_start(name: str) -> None:
    document = page(VIEWS[name])
    found = sections(VIEWS[name])
    assert found.keys() == set(re.findall(r'data-live="(\w+)"', document))
    for html in found.values():
        assert html in document


@each_page
def test_a_page_has_no_script_and_no_style_of_its_own(name: str) -> None:
    # The content security policy forbids both, so they would not work either.
    for tag, attributes in Document(page(VIEWS[name])).tags:
        assert "style" not in attributes, tag
        assert not [one for one in attributes if one.startswith("on")], tag
        assert tag != "style"
        if tag == "script":
            assert "src" in attributes or attributes["type"] == "application/json"


@each_page
def test_a_page_loads_from_its_own_server_alone(name: str) -> None:
    for tag, attributes in Document(page(VIEWS[name])).tags:
        for attribute in ("src", "href", "action"):
            target = attributes.get(attribute) or "/"
            assert target[0] in "/#?", (tag, target)
            assert not target.startswith("//"), (tag, target)


@each_page
def test_each_page_says_state_and_version_and_leads_to_its_json(name: str) -> None:
    view = VIEWS[name]
    document = page(view)
    assert "<title>▲ drift · " in document
    assert view.bar.words in document
    assert f"driftlog {view.driftlog_version}" in document
    assert f'href="{view.api_link}"' in document.replace("&amp;", "&")


def test_hostile_names_are_text() -> None:
    for name, view in hostile_views().items():
        document = Document(page(view))
        for tag, attributes in document.tags:
            assert tag not in ("img", "script") or "alert(1)" not in str(attributes), name
            assert not [one for one in attributes if one.startswith("on")], (name, tag)
        assert "\u202e" not in document.text
        assert "\x1b" not in document.text
    assert "<script>alert(1)</script>" in Document(page(hostile_views()["model"])).text


def test_a_runbook_and_an_error_have_the_bar_as_well() -> None:
    view = VIEWS["fleet"]
    told = plain_page(view, "error.html", status=404, words="<b>nothing</b> is here")
    assert view.bar.words in told
    assert "&lt;b&gt;nothing" in told

"""The audit of the lock file finds what is known, and says how much it looked at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from tests.architecture.audit import main, pins
from tests.architecture.imports import ROOT


def advisory(**affected: Any) -> dict[str, Any]:
    package = {"ecosystem": "PyPI", "name": "Some_Thing"}
    return {
        "id": "PYSEC-1",
        "modified": "2026-01-02T03:04:05Z",
        "affected": [{"package": package, **affected}],
    }


def between(*events: dict[str, str]) -> dict[str, Any]:
    return advisory(ranges=[{"type": "ECOSYSTEM", "events": list(events)}])


FIXED = between({"introduced": "0"}, {"fixed": "2.0"})
AGAIN = between({"introduced": "0"}, {"fixed": "1.0"}, {"introduced": "1.5"}, {"fixed": "2.0"})


@pytest.mark.parametrize(
    ("known", "version", "applies"),
    [
        (FIXED, "1.9", True),
        (FIXED, "2.0rc1", True),
        (FIXED, "2.0", False),
        (FIXED, "10.0", False),
        (AGAIN, "1.2", False),
        (AGAIN, "1.7", True),
        (between({"introduced": "1.0"}, {"last_affected": "1.4"}), "1.4", True),
        (between({"introduced": "1.0"}, {"last_affected": "1.4"}), "1.5", False),
        (between({"introduced": "3.0"}), "2.0", False),
        (advisory(versions=["1.0", "1.1"]), "1.1", True),
        (advisory(versions=["1.0", "1.1"]), "1.2", False),
        ({**FIXED, "withdrawn": "2026-01-03T00:00:00Z"}, "1.9", False),
    ],
)
@pytest.mark.parametrize("form", ["yaml", "json"])
def test_a_pinned_version_with_a_known_weakness_is_named(
    known: dict[str, Any], version: str, applies: bool, form: str, tmp_path: Path
) -> None:
    lock = tmp_path / "some.lock"
    lock.write_text(f"some-thing=={version} \\\n    --hash=sha256:00\n")
    folder = tmp_path / "vulns" / "some-thing"
    folder.mkdir(parents=True)
    text = yaml.safe_dump(known) if form == "yaml" else json.dumps(known)
    (folder / f"PYSEC-1.{form}").write_text(text)
    other = advisory(versions=["1"])
    other["affected"][0]["package"]["name"] = "other"
    (folder / "PYSEC-2.json").write_text(json.dumps(other))
    told = CliRunner().invoke(main, [str(folder), "--lock", str(lock)])
    assert told.exit_code == applies, told.output
    assert (f"some-thing {version}: PYSEC-1" in told.output) is applies
    assert "1 packages of some.lock" in told.output


def test_a_folder_without_advisories_is_no_good_news(tmp_path: Path) -> None:
    told = CliRunner().invoke(main, [str(tmp_path)])
    assert told.exit_code == 1
    assert "holds no advisory" in told.output


def test_every_pin_of_the_lock_file_is_looked_at() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert len(pins(ROOT / "requirements.lock")) == text.count("==")

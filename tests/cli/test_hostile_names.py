"""Names that somebody chose to do harm, through every command that shows what is in a file."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner, Result

from driftlog.cli import main
from driftlog.printable import printable
from driftlog.records import ALERT, EVENT, REFERENCE, Event, Outputs
from tests.hostile_names import HOSTILE, harmless

DRIFT_AT = 1_100


def taken(name: str) -> str:
    """What an event may have of the name as its model: no control character, 256 letters."""
    return "".join(c for c in name if unicodedata.category(c) != "Cc")[:256]


ALL = taken("".join(name for name in HOSTILE.values() if len(name) < 100))
MODELS = {"all at once": ALL, **{kind: taken(HOSTILE[kind]) for kind in ("path", "shell", "html")}}


def events(model: str, count: int = 1_600) -> list[Event]:
    """A log in which features, levels and answers are hostile names, and all else one of them."""
    rng = np.random.default_rng(7)
    names = list(HOSTILE.values())
    return [
        Event(
            event_id=f"{model[:200]}-{i}",
            correlation_id=f"{model[:200]}-{i}",
            ts_ms=1_000 * i,
            model=model,
            version=model,
            segment=model,
            inputs={
                **{n: round(float(rng.normal(10, 2)) + 8 * (i >= DRIFT_AT), 3) for n in names},
                "level": names[i % len(names)] if i >= DRIFT_AT else names[i % 3],
            },
            outputs=Outputs(prediction=names[i % 5], confidence=0.7),
        )
        for i in range(count)
    ]


@pytest.fixture
def log(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"\n".join(EVENT.encode(one) for one in events(request.param)))
    return path


def run(*arguments: object) -> Result:
    result = CliRunner(env={"COLUMNS": "120"}).invoke(main, list(map(str, arguments)))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    harmless(result.output)
    return result


@pytest.mark.parametrize("log", [ALL], indirect=True)
def test_scan_tells_drift_and_no_name_does_harm(log: Path) -> None:
    options = ("--reference", 1_000, "--pane", "20s", "--window", 10, "--close")
    seen = run("scan", log, *options, "--top-segments", 1)
    assert seen.exit_code == 0, seen.output
    assert "drifted" in seen.output
    for name in HOSTILE.values():
        assert printable(name)[:8] in seen.output
    *alerts, summary = run("scan", log, *options, "--json").stdout.splitlines()
    names = {ALERT.decode(line.encode()).model for line in alerts}
    assert names == {ALL}
    assert json.loads(summary)["summary"]


@pytest.mark.parametrize("log", MODELS.values(), ids=MODELS, indirect=True)
def test_a_reference_of_such_names_is_built_shown_and_calibrated(log: Path, tmp_path: Path) -> None:
    model = EVENT.decode(log.read_bytes().splitlines()[0]).model
    before = set(tmp_path.parent.iterdir())
    if len(model) < 100:  # no file has a name so long
        assert run("reference", "build", log, "--rows", "0:1000").exit_code == 0
        (profile,) = (path for path in tmp_path.iterdir() if path != log)
    else:
        assert "--out" in run("reference", "build", log, "--rows", "0:1000").output
        profile = tmp_path / "profile.json"
        run("reference", "build", log, "--rows", "0:1000", "--out", profile)
    assert set(tmp_path.parent.iterdir()) == before
    assert not Path("/tmp/driftlog-was-here").exists()
    assert REFERENCE.decode(profile.read_bytes()).model == model
    assert run("reference", "show", profile).exit_code == 0
    told = run("reference", "show", profile, "--json").stdout
    assert msgspec.json.decode(told)["model"] == model
    assert run("calibrate", "--reference", profile).exit_code == 0
    assert run("calibrate", "--reference", profile, "--json").exit_code == 0


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("field", ["model", "version", "segment", "event_id", "status", "role"])
def test_what_a_file_of_events_must_not_hold_is_said_without_doing_it(
    field: str, name: str, tmp_path: Path
) -> None:
    event = {**json.loads(EVENT.encode(events("fine", 1)[0])), field: [name], name: name}
    path = tmp_path / "events.jsonl"
    path.write_text(json.dumps(event))
    assert run("scan", path, "--reference", 1).exit_code == 2
    (tmp_path / "rows.csv").write_text(f"{json.dumps(name)},b\n1,2\n", encoding="utf-8")
    assert run("scan", tmp_path / "rows.csv", "--reference", 1, "--time", name).exit_code == 2
    assert run("scan", tmp_path / name[:50].replace("\0", ""), "--reference", 1).exit_code == 2

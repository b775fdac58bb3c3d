"""``driftlog scan`` as a person types it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from driftlog.cli import main
from driftlog.files import FileSpec, file_digest, file_events
from driftlog.records import ALERT, EVENT, Alert, Event, Outputs
from driftlog.settings import load_settings
from stream.pipeline import Pipeline
from tests.stream.event_log import records
from tests.stream.sentences import notes

COLUMNS = ("--time", "when", "--prediction", "late", "--confidence", "sure")
DRIFT_ROW = 2_500


def rows(count: int = 4_000, drift_at: int = DRIFT_ROW, seed: int = 4) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    return [
        {
            "when": 1_362_000_000 + 30 * i,
            "id": f"row-{seed}-{i}",
            "dist": round(float(rng.normal(1000, 200)) + 300 * (i >= drift_at), 3),
            "carrier": str(rng.choice(["UA", "AA"], p=[0.2, 0.8] if i >= drift_at else [0.6, 0.4])),
            "airport": str(rng.choice(["JFK", "EWR", "LGA"], p=[0.5, 0.3, 0.2])),
            "late": str(rng.choice(["yes", "no"])),
            "sure": round(float(rng.beta(5, 2)), 4),
        }
        for i in range(count)
    ]


def written(path: Path, table: list[dict[str, Any]]) -> Path:
    if path.suffix == ".csv":
        lines = [",".join(table[0]), *(",".join(map(str, row.values())) for row in table)]
    else:
        lines = [json.dumps(row) for row in table]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("scan") / "flights.csv", rows())


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("scan") / "march.csv", rows(4_000, 10**9, seed=5))


def scan(*arguments: object, width: int = 100) -> Result:
    return CliRunner(env={"COLUMNS": str(width)}).invoke(main, ["scan", *map(str, arguments)])


def told(result: Result) -> tuple[list[Alert], dict[str, Any]]:
    lines = result.stdout.encode().splitlines()
    return [ALERT.decode(line) for line in lines[:-1]], json.loads(lines[-1])["summary"]


def test_a_drift_is_told_with_its_onset_its_way_and_a_picture(csv: Path) -> None:
    result = scan(csv, *COLUMNS, "--reference", 1_500, "--pane", "10m", "--window", 30)
    assert result.exit_code == 0, result.output
    out = result.stdout
    assert "1,500 rows" in out and "not watched: id" in out
    assert "dist up" in out and "↑" in out
    assert "2013-02-28 18:" in out  # row 2,500; the file begins at 21:20 the day before
    assert "▲" in out and "━" in out and "░" in out
    assert "UA" in out and "before" in out and "after" in out
    assert "still open" in out
    assert "2 signals drifted" in out


@pytest.mark.parametrize("width", [60, 80, 120])
def test_nothing_is_wider_than_the_terminal(csv: Path, width: int) -> None:
    result = scan(csv, *COLUMNS, "--reference", 1_500, "--pane", "10m", width=width)
    assert max(map(len, result.stdout.splitlines())) <= width


def test_quiet_rows_raise_no_alarm(quiet: Path) -> None:
    result = scan(quiet, *COLUMNS, "--reference", 1_500, "--fail-on", "info")
    assert result.exit_code == 0
    assert "No drift." in result.stdout
    assert "no alert of severity info or worse" in result.stderr


def test_json_is_an_alert_a_line_and_the_summary_last(csv: Path) -> None:
    result = scan(csv, *COLUMNS, "--reference", 1_500, "--pane", "10m", "--close", "--json")
    alerts, summary = told(result)
    assert result.stderr == ""
    assert alerts[0].status == "firing"
    assert {one.signal for one in alerts[-1].signals} == {"dist", "carrier"}
    assert summary["rows"] == 4_000
    assert summary["rows_judged"] == 4_000 - 1_500  # 75 panes of 20 rows
    assert summary["panes"] == 125
    assert summary["signals"]["drift"] == 2
    assert summary["alerts"]["firing"] == sum(one.status == "firing" for one in alerts)
    assert sum(summary["incidents"].values()) == len({one.alert_id for one in alerts})
    assert summary["worst"]["signal"] in ("dist", "carrier")
    assert summary["exit_code"] == 0


def test_the_alerts_are_those_of_the_pipeline_for_the_same_events(csv: Path) -> None:
    options = ("--reference", 1_500, "--pane", "10m", "--window", 20, "--close", "--json")
    alerts, _ = told(scan(csv, *COLUMNS, *options))
    settings = load_settings(
        environ={},
        overrides={
            "stream.pane": "10m",
            "stream.window_panes": 20,
            "models.learn_rows": 1_500,
        },
    )
    spec = FileSpec(time="when", prediction="late", confidence="sure")
    pipeline = Pipeline(settings)
    found = pipeline.feed(records(list(file_events(csv, spec)))).alerts
    assert alerts == [*found, *pipeline.close().alerts]


def test_samples_name_the_file_and_the_row(csv: Path) -> None:
    alerts, _ = told(scan(csv, *COLUMNS, "--reference", 1_500, "--pane", "10m", "--json"))
    digest, _, row = alerts[0].samples_after[0].partition("-")
    assert file_digest(csv).startswith(digest)
    assert int(row) >= DRIFT_ROW


@pytest.mark.parametrize(("least", "code"), [("info", 4), ("warning", 4), ("emergency", 0)])
def test_fail_on_a_severity_ends_with_four(csv: Path, least: str, code: int) -> None:
    options = ("--reference", 1_500, "--pane", "10m", "--json", "--fail-on", least)
    result = scan(csv, *COLUMNS, *options)
    summary = told(result)[1]
    assert result.exit_code == code == summary["exit_code"]
    assert ("is" in summary["exit_reason"]) == (code == 4)


def test_a_reference_may_be_a_profile_a_file_or_a_number_of_rows(
    csv: Path, quiet: Path, tmp_path: Path
) -> None:
    profile = tmp_path / "march.json"
    built = CliRunner().invoke(
        main, ["reference", "build", str(quiet), *COLUMNS, "--model", "late", "--out", str(profile)]
    )
    assert built.exit_code == 0, built.output
    ids = []
    for reference in (profile, quiet):
        options = ("--reference", reference, "--pane", "10m", "--json", "--close")
        alerts, summary = told(scan(csv, *COLUMNS, *options))
        assert summary["rows_judged"] == summary["rows"]
        assert {one.signal for one in alerts[-1].signals} == {"dist", "carrier"}
        assert abs(alerts[0].onset.ts_ms / 1000 - 1_362_000_000 - 30 * DRIFT_ROW) < 1_200
        ids.append(summary["references"][0]["model"])
    assert ids == ["late", "model"]  # the profile brings its model's name along


def test_without_a_time_the_row_number_is_the_time(csv: Path) -> None:
    result = scan(csv, "--reference", 1_500, "--exclude", "when")
    assert "pane 10 rows, chosen by the file" in result.stderr or "pane 20 rows" in result.stderr
    assert "row 2,5" in result.stdout
    assert "1970" not in result.stdout


def test_the_last_panes_are_judged_with_close_alone(csv: Path) -> None:
    options = (*COLUMNS, "--reference", 1_500, "--pane", "10m")
    assert "not judged" in scan(csv, *options).stdout
    assert told(scan(csv, *options, "--json"))[1]["rows_judged"] == 2_480
    assert told(scan(csv, *options, "--json", "--close"))[1]["rows_judged"] == 2_500


def test_segments_are_judged_by_themselves_too(csv: Path) -> None:
    options = ("--segment", "airport", "--top-segments", 2, "--reference", 1_500, "--pane", "20m")
    result = scan(csv, *COLUMNS, *options)
    assert result.exit_code == 0, result.output
    for series in ("model@1/*", "model@1/JFK", "model@1/EWR", "model@1/other"):
        assert f"{series} at the end" in result.stdout
    assert told(scan(csv, *COLUMNS, *options, "--json"))[1]["series"] == 4


def test_rows_may_be_a_part_of_the_file(csv: Path) -> None:
    options = ("--rows", "1000:3000", "--reference", 1_000, "--pane", "10m", "--json")
    assert told(scan(csv, *COLUMNS, *options))[1]["rows"] == 2_000


def test_inputs_are_chosen_and_typed(csv: Path) -> None:
    options = ("--reference", 1_500, "--pane", "10m", "--include", "dist,airport")
    out = scan(csv, *COLUMNS, *options, "--type", "airport=category").stdout
    assert "not watched: carrier: not named in models.include" in out
    assert "dist up" in out


def test_free_text_is_watched_and_told_in_words(tmp_path: Path) -> None:
    texts = notes(2_000, seed=3) + notes(1_000, seed=4, writer="language")
    table = [
        {"when": 30 * at, "note": text, "id": hashlib.md5(text.encode()).hexdigest(), "x": at % 7}
        for at, text in enumerate(texts)
    ]
    path = written(tmp_path / "notes.ndjson", table)
    result = scan(path, "--time", "when", "--reference", 1_000, "--pane", "10m", width=160)
    assert result.exit_code == 0, result.output
    assert "not watched: id: identifiers" in result.stdout
    assert "unknown words in note" in result.stdout
    assert "input.note.ngrams" in result.stdout
    levels = scan(path, "--time", "when", "--reference", 1_000, "--type", "note=category")
    assert "input.note" not in levels.stdout


def test_a_file_of_events_needs_no_columns(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    events = [
        Event(
            event_id=f"{model}-{i}",
            correlation_id=f"req-{i}",
            ts_ms=row["when"] * 1000,
            model=model,
            version="2",
            inputs={"dist": row["dist"], "carrier": row["carrier"]},
            outputs=Outputs(prediction=row["late"], confidence=row["sure"]),
        )
        for model, drift_at in (("late", 1_200), ("early", 10**9))
        for i, row in enumerate(rows(2_000, drift_at))
    ]
    path.write_bytes(b"\n".join(map(EVENT.encode, events)))
    alerts, summary = told(scan(path, "--reference", 600, "--pane", "10m", "--json"))
    assert {one.model for one in alerts} == {"late"}
    assert [(one["model"], one["version"]) for one in summary["references"]] == [
        ("early", "2"),
        ("late", "2"),
    ]
    assert summary["rows"] == 4_000


def test_rows_of_a_model_without_a_reference_are_counted(csv: Path, tmp_path: Path) -> None:
    table = rows(1_000)
    for i, row in enumerate(table):
        row["release"] = 1 + i % 2
    path = written(tmp_path / "two.csv", table)
    build = ["reference", "build", str(path), *COLUMNS, "--version", "1", "--out", "-"]
    profile = tmp_path / "one.json"
    profile.write_bytes(CliRunner().invoke(main, build).stdout_bytes)
    options = ("--version-column", "release", "--reference", profile, "--pane", "10m")
    assert "500 unknown_model" in scan(path, *COLUMNS, *options).stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--time", "wen", "--reference", "1500"), "the file has when, id, dist"),
        (("--time", "wen", "--reference", "1500"), "did you mean 'when'?"),
        (("--time", "carrier", "--reference", "1500"), "it must hold"),
        (("--reference", "4000"), "learn from fewer"),
        (("--reference", "50"), "--reference holds 50"),
        (("--reference", "march.parquet"), "is no file"),
        (("--reference", "1500", "--pane", "ten"), "--pane holds 'ten'"),
        (("--reference", "1500", "--window", "1"), "--window holds 1"),
        (("--reference", "1500", "--exclude", "dits"), "did you mean 'dist'?"),
        (("--reference", "1500", "--type", "dist=words"), "--type holds 'dist=words'"),
        (("--reference", "1500", "--rows", "9000:"), "has no rows 9000 to the end"),
        (("--reference", "1500", "--pane", "30d", "--time", "when"), "smaller --pane"),
        (("--reference", "1500", "--confidence", "late"), "it must hold a number"),
    ],
)
def test_a_slip_is_said_in_one_line(csv: Path, arguments: tuple[str, ...], said: str) -> None:
    result = scan(csv, *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.output and len(result.stderr.splitlines()) <= 2


def test_an_empty_file_is_said_to_be_empty(tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"
    path.touch()
    result = scan(path, "--reference", 100)
    assert result.exit_code == 2
    assert "empty.csv is empty" in result.stderr


def test_a_profile_is_not_reshaped(csv: Path, tmp_path: Path) -> None:
    profile = tmp_path / "p.json"
    build = ["reference", "build", str(csv), *COLUMNS, "--out", str(profile)]
    CliRunner().invoke(main, build)
    result = scan(csv, *COLUMNS, "--reference", profile, "--exclude", "dist")
    assert result.exit_code == 2
    assert "--exclude shapes a reference" in result.stderr

"""Settings: where they come from, who wins, and what an error says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from driftlog.errors import SettingsError
from driftlog.settings import CATALOGUE, Duration, Settings, held_settings, load_settings


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where there is no driftlog.toml


def _load(toml: str = "", environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    path = Path("settings.toml")
    path.write_text(toml)
    return load_settings(
        path, environ or {}, {k.replace("__", "."): v for k, v in overrides.items()}
    )


def test_without_file_and_environment_everything_has_its_default() -> None:
    assert load_settings(environ={}) == Settings()


def test_the_command_line_wins_over_the_environment_and_that_over_the_file() -> None:
    toml = "[worker]\nport = 1\nhost = 'file'\ngroup = 'file'"
    environ = {"DRIFTLOG_WORKER_PORT": "2", "DRIFTLOG_WORKER_HOST": "environment"}
    worker = _load(toml, environ, worker__port=3, worker__host=None).worker
    assert (worker.port, worker.host, worker.group) == (3, "environment", "file")


def test_a_file_named_driftlog_toml_is_found_where_one_stands() -> None:
    Path("driftlog.toml").write_text("[worker]\nport = 7")
    assert load_settings(environ={}).worker.port == 7


def test_a_file_can_be_named_by_the_environment() -> None:
    Path("other.toml").write_text("[worker]\nport = 8")
    assert load_settings(environ={"DRIFTLOG_CONFIG": "other.toml"}).worker.port == 8


def test_the_broker_has_a_short_name() -> None:
    assert load_settings(environ={"DRIFTLOG_KAFKA": "log:9"}).kafka.bootstrap == "log:9"


def test_it_is_told_where_each_setting_comes_from() -> None:
    Path("driftlog.toml").write_text("[worker]\nport = 7\nhost = 'h'")
    held = held_settings(environ={"DRIFTLOG_KAFKA": "log:9", "DRIFTLOG_WORKER_PORT": "8"})
    assert {key: one.origin for key, one in held.items()} == {
        "worker.port": "DRIFTLOG_WORKER_PORT",
        "worker.host": "driftlog.toml",
        "kafka.bootstrap": "DRIFTLOG_KAFKA",
    }


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("DRIFTLOG_STREAM_PANE", "1.5s", Duration(1500)),
        ("DRIFTLOG_DETECTION_ALARM_BUDGET", "0.5", 0.5),
        ("DRIFTLOG_STREAM_WINDOW_PANES", "30", 30),
        ("DRIFTLOG_MODELS_EXCLUDE", "a, b,", ("a", "b")),
        ("DRIFTLOG_MODELS_EXCLUDE", "", ()),
        ("DRIFTLOG_MODELS_TYPES", "a=category, b = boolean", {"a": "category", "b": "boolean"}),
    ],
)
def test_a_variable_is_read_as_the_type_of_its_setting(
    variable: str, text: str, value: object
) -> None:
    (entry,) = (entry for entry in CATALOGUE.values() if entry.variable == variable)
    settings = load_settings(environ={variable: text})
    assert getattr(getattr(settings, entry.section), entry.name) == value


_TOO_MUCH: dict[type, object] = {str: 5, int: "many", float: "much"}


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=CATALOGUE)
def test_a_wrong_type_is_refused_by_key_held_value_and_what_it_may_hold(entry: Any) -> None:
    wrong = _TOO_MUCH.get(entry.kind, "soon" if entry.is_duration else 5)
    with pytest.raises(SettingsError) as caught:
        load_settings(environ={}, overrides={entry.key: wrong})
    said = str(caught.value)
    assert entry.key in said
    assert entry.may_hold in said
    assert ("..." if entry.secret else repr(wrong)) in said


@pytest.mark.parametrize(
    ("key", "held"),
    [
        ("worker.port", 65_536),
        ("worker.port", -1),
        ("kafka.prefix", "a b"),
        ("kafka.event_partitions", 0),
        ("detection.alarm_budget", 0),
        ("detection.min_effect_psi", float("nan")),
        ("detection.alarm_budget", float("inf")),
        ("detection.preset", "loud"),
        ("capture.sample", 1.01),
        ("models.types", {"zip": "vector"}),
        ("stream.pane", "10 lightyears"),
        ("stream.pane", "0s"),
        ("stream.pane", True),
        ("worker.port", True),
    ],
)
def test_what_lies_outside_the_bounds_is_refused(key: str, held: object) -> None:
    with pytest.raises(SettingsError, match=key):
        load_settings(environ={}, overrides={key: held})


def test_a_row_from_the_future_cannot_be_let_in_further_than_half_the_lateness() -> None:
    _load("[stream]\nallowed_lateness = '4s'\nfuture_skew = '2s'")
    with pytest.raises(SettingsError, match=r"stream\.future_skew.*2001ms.*at most half.*4s"):
        _load("[stream]\nallowed_lateness = '4s'\nfuture_skew = '2001ms'")


def test_sasl_needs_a_name_and_hashing_a_key() -> None:
    with pytest.raises(SettingsError, match=r"kafka\.sasl_username"):
        _load("[kafka]\nsecurity_protocol = 'SASL_SSL'")
    with pytest.raises(SettingsError, match=r"capture\.hash_key"):
        _load("[capture]\nhash = ['passport']")


def test_a_misspelt_key_is_refused_with_the_one_that_was_meant() -> None:
    with pytest.raises(SettingsError, match=r"kafka\.bootstrp.*did you mean 'kafka\.bootstrap'"):
        _load("[kafka]\nbootstrp = 'x:1'")


def test_a_variable_that_sets_nothing_is_refused() -> None:
    with pytest.raises(SettingsError, match="DRIFTLOG_KAFKA_BOOTSTRP"):
        load_settings(environ={"DRIFTLOG_KAFKA_BOOTSTRP": "x:1"})


@pytest.mark.parametrize(
    ("toml", "says"),
    [("[kafka", "readable TOML"), ("port = 1", r"a \[section\]"), ("kafka = 1", r"a \[section\]")],
)
def test_a_file_that_is_no_settings_file_is_refused(toml: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        _load(toml)


def test_a_file_that_was_named_must_be_there() -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml"):
        load_settings(Path("nowhere.toml"), {})


@pytest.mark.parametrize(
    ("toml", "environ"),
    [
        ("[kafka]\nsasl_password = ['hunter2']", {}),
        ("[kafka]\nsasl_pasword = 'hunter2'", {}),
        ("sasl_password = 'hunter2'", {}),
        ("[capture]\nhash_keys = 'hunter2'", {}),
        ("", {"DRIFTLOG_KAFKA_SASL_PASWORD": "hunter2"}),
        ("", {"DRIFTLOG_CAPTURE_HASHKEY": "hunter2"}),
    ],
)
def test_no_error_shows_a_secret(toml: str, environ: dict[str, str]) -> None:
    with pytest.raises(SettingsError) as caught:
        _load(toml, environ)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(caught.value)


def test_every_setting_has_a_default_that_may_be_said_out_loud() -> None:
    # What the documentation shows can be written back, and means the same.
    for entry in CATALOGUE.values():
        assert entry.says
        shown = str(entry.default) if entry.is_duration else entry.default
        settings = load_settings(environ={}, overrides={entry.key: shown})
        assert settings == Settings()


def test_settings_are_frozen() -> None:
    with pytest.raises(AttributeError):
        Settings().worker.port = 1  # type: ignore[misc]  # the point of the test


TOKEN = "t0k3n-" * 4


@pytest.mark.parametrize(
    ("key", "held"),
    [
        ("http.tokens", "hunter2"),
        ("http.tokens", "hunter2 with spaces in it"),
        ("http.tokens", f"{TOKEN},hunter2-é-hunter2-é"),
        ("http.tokens", f"{TOKEN},hunter2\r\nx-injected: yes"),
        ("kafka.bootstrap", "SASL_SSL://me:hunter2@kafka-1:9092"),
        ("kafka.bootstrap", "me:hunter2@kafka-1:9092"),
        (
            "kafka.bootstrap",
            'org.apache.kafka.common.security.plain.PlainLoginModule required password="hunter2";',
        ),
    ],
)
def test_what_may_hold_a_secret_is_refused_without_being_shown(key: str, held: str) -> None:
    with pytest.raises(SettingsError, match=key) as refused:
        load_settings(environ={}, overrides={key: held})
    assert "hunter2" not in f"{refused.value} {refused.value!r} {refused.value.held}"


def test_a_name_without_its_password_and_a_password_too_short_are_refused() -> None:
    for http, lacking in (
        ({"username": "ops"}, "http.password"),
        ({"password": "hunter2-hunter2"}, "http.username"),
        ({"username": "ops", "password": "hunter2"}, "http.password"),
        ({"username": "o:ps", "password": "hunter2-hunter2"}, "http.username"),
    ):
        held = {f"http.{name}": value for name, value in http.items()}
        with pytest.raises(SettingsError, match=lacking) as refused:
            load_settings(environ={}, overrides=held)
        assert "hunter2" not in str(refused.value)


def test_several_tokens_come_by_commas_in_a_variable() -> None:
    environ = {"DRIFTLOG_HTTP_TOKENS": f"{TOKEN}, {TOKEN[::-1]}"}
    assert load_settings(environ=environ).http.tokens == (TOKEN, TOKEN[::-1])


@pytest.mark.parametrize(("written", "held"), [("true", True), ("False", False)])
def test_a_yes_or_no_can_be_given_by_its_variable(written: str, held: bool) -> None:
    assert load_settings(environ={"DRIFTLOG_HTTP_ANONYMOUS": written}).http.anonymous is held
    with pytest.raises(SettingsError, match="true or false"):
        load_settings(environ={"DRIFTLOG_HTTP_ANONYMOUS": "perhaps"})

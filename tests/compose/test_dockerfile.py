"""The Dockerfile makes a small image that is nobody's root: rules that a linter would have."""

from __future__ import annotations

import re

import pytest

from tests.architecture.test_arrows import SERVER
from tests.compose.dockerfile import copied, environment, instructions, last_stage, words
from tests.compose.stack import parsed


def test_it_runs_as_a_numeric_user_that_is_not_root() -> None:
    (user,) = last_stage("USER")
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user)  # by number: Kubernetes knows no names
    names = [one.name for one in instructions()]
    assert names.index("USER") > max(i for i, name in enumerate(names) if name == "RUN")


def test_stages_begin_from_one_image_that_is_pinned() -> None:
    bases = {one.rest.partition(" AS ")[0] for one in instructions() if one.name == "FROM"}
    (base,) = bases  # an environment made by one Python runs on the same one
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+", base)


def test_every_copy_names_its_files_and_every_install_its_hashes() -> None:
    for one in instructions():
        assert one.name != "ADD", "ADD unpacks, and fetches: COPY does not"
        if one.name == "COPY":
            assert " . " not in f" {one.rest} "
        if one.name == "RUN" and " install " in one.rest:
            assert "--require-hashes" in one.rest and "--no-deps" in one.rest
            assert "--only-binary=:all:" in one.rest  # no compiler is needed, and none is there


def test_the_last_stage_installs_nothing_and_has_no_pip() -> None:
    runs = last_stage("RUN")
    assert runs and all("uninstall" in run for run in runs)
    assert "--without-pip" in next(one.rest for one in instructions() if "venv" in one.rest)


def test_it_ends_by_the_signal_that_the_commands_know_and_starts_without_a_shell() -> None:
    assert last_stage("STOPSIGNAL") == ["SIGTERM"]
    (entry,), (command,) = last_stage("ENTRYPOINT"), last_stage("CMD")
    assert words(entry) == ["python", "-m", "driftlog"]
    parsed(words(command))
    (check,) = last_stage("HEALTHCHECK")
    assert words(check.partition("CMD ")[2])[:3] == ["python", "-m", "compose.probe"]


@pytest.mark.parametrize("name", ["title", "description", "version", "licenses"])
def test_it_says_what_it_is(name: str) -> None:
    (label,) = last_stage("LABEL")
    assert f'org.opencontainers.image.{name}="' in label


def test_what_is_written_is_written_below_tmp() -> None:
    held = environment()
    assert held["HOME"] == "/tmp" and held["NUMBA_CACHE_DIR"].startswith("/tmp/")
    assert held["PYTHONDONTWRITEBYTECODE"] == "1"


def test_all_packages_of_a_server_are_in_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    tree = tmp_path_factory.mktemp("image")
    copied(tree)
    for package in {"driftlog", "compose", *SERVER}:
        assert (tree / package / "__init__.py").is_file(), package
    assert not (tree / "tests").exists()

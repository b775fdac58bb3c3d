"""The lock files and the Makefile: complete, pinned by hash, of no particular machine."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Iterable

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.architecture.imports import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
RUNTIME = [*PROJECT["project"]["dependencies"], *EXTRAS["server"], *EXTRAS["demo"]]
LOCKS = {
    "requirements.lock": RUNTIME,
    "requirements-dev.lock": [*RUNTIME, *PROJECT["dependency-groups"]["dev"]],
}
each_lock = pytest.mark.parametrize("lock", LOCKS)


def pins(lock: str) -> dict[str, Version]:
    text = (ROOT / lock).read_text(encoding="utf-8")
    found = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", text, re.MULTILINE)
    return {canonicalize_name(name): Version(version) for name, version in found}


def unmet(wanted: Iterable[str], pinned: dict[str, Version]) -> list[str]:
    requirements = map(Requirement, wanted)
    return [
        str(one)
        for one in requirements
        if (found := pinned.get(canonicalize_name(one.name))) is None or found not in one.specifier
    ]


@each_lock
def test_a_lock_file_meets_what_the_project_asks_for(lock: str) -> None:
    assert unmet(LOCKS[lock], pins(lock)) == [], "run 'make lock'"


@each_lock
def test_every_line_of_a_lock_file_is_a_pin_with_hashes(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    assert len(lines) == len(pins(lock))
    # No index, no host, no folder: whoever installs it takes packages from where they always do.
    for line in lines:
        assert re.fullmatch(r"[\w.-]+==[\w.!+-]+(\s+--hash=sha256:[0-9a-f]{64})+\s*", line), line


def test_tests_run_with_the_versions_that_users_get() -> None:
    dev = pins("requirements-dev.lock")
    assert {name: dev[name] for name in pins("requirements.lock")} == pins("requirements.lock")


def test_make_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    told = subprocess.run(["make", "-s"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = re.findall(r"^  make (\S+) +\S", told.stdout, re.MULTILINE)
    assert sorted(listed) == sorted(phony.split())


def test_continuous_integration_runs_lint_and_test_and_nothing_else() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert re.findall(r"^make (.+)$", script, re.MULTILINE) == ["lint", "test"]

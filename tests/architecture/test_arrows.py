"""Who may import whom."""

from __future__ import annotations

import pytest

from driftlog.cli import COMMANDS
from tests.architecture.imports import OURS, ROOT, imports_of, module_name, root_of

# What a package may import of ours, itself aside. `demo` plays the user, and sees everything.
MAY = {
    "detectors": set[str](),
    "stream": {"detectors", "driftlog"},
    "producers": {"driftlog"},
    "api": {"driftlog"},
    "demo": {"driftlog", "stream", "producers", "api"},
    "grafana": {"driftlog", "stream"},
    "compose": {"driftlog", "api"},
    "driftlog": set[str](),
}
SERVER = {"detectors", "stream", "producers", "api", "demo"}


@pytest.mark.parametrize("package", MAY)
def test_a_package_imports_only_what_lies_below_it(package: str) -> None:
    found = list(imports_of(package))
    assert found
    for one in found:
        target = root_of(one.module)
        if one.file.startswith("driftlog/cli/") and target in SERVER:
            continue  # the next test's subject
        allowed = target not in OURS or target == package or target in MAY[package]
        assert allowed, f"{one.file}:{one.line} imports {one.module}"


def test_the_command_line_loads_the_server_only_when_a_command_is_called() -> None:
    found = [one for one in imports_of("driftlog") if one.when == "loading"]
    names = {module_name(file): file for file in (ROOT / "driftlog").rglob("*.py")}
    loaded = {"driftlog.cli", *(f"driftlog.cli.{name}" for name in COMMANDS)} & set(names)
    assert len(loaded) > 5
    while (
        more := {
            one.module
            for one in found
            if module_name(ROOT / one.file) in loaded and one.module in names
        }
        - loaded
    ):
        loaded |= more
    for one in found:
        if module_name(ROOT / one.file) in loaded:
            assert root_of(one.module) not in SERVER, f"{one.file}:{one.line} imports {one.module}"


def test_the_product_imports_no_tests_and_no_benchmarks() -> None:
    for package in MAY:
        assert not {root_of(one.module) for one in imports_of(package)} & {"tests", "benchmarks"}


def test_every_folder_with_python_has_its_arrows() -> None:
    folders = {file.parent.name for file in ROOT.glob("*/__init__.py")}
    assert folders <= {*MAY, "tests", "benchmarks"}

"""The pure core of ``stream``: no broker, framework, clock, log or environment."""

from __future__ import annotations

import ast

from tests.architecture.imports import ROOT, imports_of, module_name, root_of

# The I/O shell, file by file; everything else in `stream` is pure.
SHELL = {
    "stream.acceptance",  # a span of the log, read to make a reference of
    "stream.adoption",  # the clock, when a reference is set from now on
    "stream.app",
    "stream.broker",
    "stream.committed",
    "stream.ending",
    "stream.forwarding",
    "stream.gaps",
    "stream.group",
    "stream.in_flight",
    "stream.ingest",
    "stream.metrics",  # of a worker that runs
    "stream.notifying",  # the topic and HTTP; what is said and what is open are data
    "stream.observing",
    "stream.references",
    "stream.runner",
    "stream.server",
    "stream.span",
    "stream.topic_end",
    "stream.transport",
    "stream.verify",
    "stream.watchdog",
    "stream.worker",
}
# Data that lies in a folder of the shell.
CORE = {
    "stream.metrics.catalogue",
    "stream.notifying.notices",
    "stream.notifying.open_alerts",
    "stream.notifying.silences",
}
IMPURE = {
    *("aiokafka", "asyncio", "confluent_kafka", "fastapi", "faust", "httpx", "logging", "mode"),
    *("os", "prometheus_client", "random", "secrets", "signal", "socket", "starlette"),
    *("subprocess", "sys", "tempfile", "threading", "time", "uuid", "uvicorn"),
}


MODULES = {module_name(file) for file in (ROOT / "stream").rglob("*.py")}


def _in_shell(module: str) -> bool:
    inside = any(module == one or module.startswith(one + ".") for one in SHELL)
    return inside and module not in CORE


def test_the_core_imports_nothing_that_acts() -> None:
    for one in imports_of("stream"):
        if _in_shell(module_name(ROOT / one.file)):
            continue
        where = f"{one.file}:{one.line} imports {one.module}"
        assert root_of(one.module) not in IMPURE, where
        if one.module in MODULES:
            assert not _in_shell(one.module), f"{where}, which is no part of the core"


def test_only_the_app_and_the_transport_know_faust() -> None:
    knowing = {one.file for one in imports_of("stream") if root_of(one.module) in {"faust", "mode"}}
    assert {file for file in knowing if not file.startswith("stream/transport/")} == {
        "stream/app.py"
    }


def test_the_shell_is_no_larger_than_it_must_be() -> None:
    # A module whose last act has been taken out of it belongs to the core, and is guarded as such.
    acting = {
        module_name(ROOT / one.file)
        for one in imports_of("stream")
        if root_of(one.module) in IMPURE or (one.module in MODULES and _in_shell(one.module))
    }
    there = {module for module in SHELL if any(m.startswith(module) for m in MODULES)}
    assert len(there) > 10
    for module in there:
        assert any(found == module or found.startswith(module + ".") for found in acting), module


def test_the_environment_is_read_in_one_place() -> None:
    # A variable that some other file reads is a setting that nobody finds.
    reading = {
        str(file.relative_to(ROOT))
        for package in ("driftlog", "detectors", "stream", "producers", "api", "demo")
        for file in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv"}
    }
    assert {file for file in reading if not file.startswith("driftlog/testing/")} <= {
        "driftlog/settings/load.py",
        "api/model.py",  # the user's cache folder, XDG_CACHE_HOME
        "demo/process.py",  # handed on to the processes that the demo starts
    }


def test_no_process_of_ours_loads_all_of_scipy_s_distributions() -> None:
    # They take as long as all else of scipy, at each start of a worker or a command; the special
    # functions hold the same quantiles.
    for package in ("driftlog", "detectors", "stream", "producers", "api", "demo"):
        for one in imports_of(package):
            assert not one.module.startswith("scipy.stats"), f"{one.file}:{one.line}"

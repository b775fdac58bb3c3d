"""What comes from outside is never run, and never reaches a terminal or a log by another way."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.architecture.imports import OURS, ROOT

PACKAGES: Final = tuple(name for name in OURS if name not in ("tests", "benchmarks"))
# Each of them runs what its input says, or builds whatever object its input names.
MODULES: Final = {
    *("pickle", "_pickle", "cPickle", "cloudpickle", "dill", "marshal", "shelve", "joblib"),
    *("jsonpickle", "code", "codeop", "runpy", "imp", "xmlrpc", "telnetlib", "crypt"),
}
CALLS: Final = {
    *("eval", "exec", "compile", "__import__", "execfile"),
    *("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"),
    *("yaml.load", "yaml.load_all", "yaml.full_load", "yaml.unsafe_load", "yaml.unsafe_load_all"),
    *("np.fromregex", "numpy.fromregex", "pd.read_pickle", "pandas.read_pickle"),
    *("tempfile.mktemp", "logging.config.dictConfig", "logging.config.listen"),
    *("asyncio.create_subprocess_shell", "ssl._create_unverified_context"),
}
# Keyword arguments that no call may have, with the value that makes them dangerous.
KEYWORDS: Final = {"allow_pickle": True, "shell": True, "verify": False, "check_hostname": False}


def files(packages: tuple[str, ...] = (*PACKAGES, "benchmarks")) -> Iterator[Path]:
    for package in packages:
        yield from sorted((ROOT / package).rglob("*.py"))


def dotted(node: ast.expr) -> str:
    """The name of what is called, as it is written."""
    if isinstance(node, ast.Name):
        return node.id
    return f"{dotted(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else "?"


def dangers(text: str) -> list[str]:
    """What a file does that outside data must not come near, with its line."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            named = [alias.name for alias in node.names]
            if isinstance(node, ast.ImportFrom):
                names = [node.module or "", *(f"{node.module}.{name}" for name in named)]
            else:
                names = named
            found += [
                f"{node.lineno}: imports {name}"
                for name in names
                if name.partition(".")[0] in MODULES or name in CALLS
            ]
        elif isinstance(node, ast.Call):
            name = dotted(node.func)
            if name in CALLS:
                found.append(f"{node.lineno}: calls {name}")
            for keyword in node.keywords:
                value = keyword.value
                constant = isinstance(value, ast.Constant)
                dangerous = keyword.arg in KEYWORDS and not (
                    constant and value.value is not KEYWORDS[keyword.arg]  # type: ignore[attr-defined]
                )
                if dangerous:
                    found.append(f"{node.lineno}: {name}({keyword.arg}=...)")
            if name in {"np.load", "numpy.load"} and not any(
                one.arg == "allow_pickle" for one in node.keywords
            ):
                found.append(f"{node.lineno}: {name} without allow_pickle=False")
    return found


def test_nothing_runs_what_its_input_says() -> None:
    found = {
        str(file.relative_to(ROOT)): dangers(file.read_text(encoding="utf-8")) for file in files()
    }
    assert len(found) > 150
    assert {file: told for file, told in found.items() if told} == {}


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from joblib import load",
        "import yaml\nyaml.load(x, yaml.Loader)",
        "from yaml import unsafe_load",
        "eval('1')",
        "exec(x)",
        "np.load(f)",
        "np.load(f, allow_pickle=True)",
        "np.load(f, allow_pickle=chosen)",
        "subprocess.run(x, shell=True)",
        "os.system(x)",
        "httpx.get(u, verify=False)",
        "def f():\n    import marshal",
    ],
)
def test_the_guard_sees_each_of_them(text: str) -> None:
    assert dangers(text)


@pytest.mark.parametrize(
    "text", ["np.load(f, allow_pickle=False)", "yaml.safe_load(x)", "subprocess.run([a])"]
)
def test_the_guard_lets_the_safe_forms_pass(text: str) -> None:
    assert dangers(text) == []


def test_commands_reach_the_terminal_by_one_way_alone() -> None:
    # Text goes through `driftlog.terminal`, which escapes what a name may hold. JSON in ASCII, the
    # tables of the documentation and the raw bytes that were asked for need no escaping.
    allowed = {
        "driftlog/cli/doctor.py": {"click.echo"},
        "driftlog/cli/settings.py": {"click.echo"},
    }
    for file in files(("driftlog", "producers", "api", "demo")):
        name = str(file.relative_to(ROOT))
        if name == "driftlog/terminal.py" or name.startswith("driftlog/testing/"):
            continue
        calls = {
            dotted(node.func)
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call)
        }
        found = calls & {"click.echo", "Console", "rich.print", "logging.basicConfig"}
        found -= allowed.get(name, set())
        if name == "driftlog/logs.py":
            found -= {"logging.basicConfig"}
        assert not found, f"{name} calls {found}: use echo or terminal of driftlog.terminal"

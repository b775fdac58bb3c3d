"""The imports of the project's own files, read and not run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

__all__ = ["OURS", "ROOT", "Import", "imports_of", "module_name", "root_of"]

ROOT: Final = Path(__file__).resolve().parents[2]
OURS: Final = (
    *("driftlog", "detectors", "stream", "producers", "api", "demo", "compose", "grafana"),
    *("tests", "benchmarks"),
)


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module, as a file names it.

    Attributes:
        file: path from the root.
        line: where.
        module: dotted name; of ``from a import b`` both ``a`` and ``a.b`` are told.
        when: ``loading`` the file, ``calling`` a function of it, or only for type ``checking``.
    """

    file: str
    line: int
    module: str
    when: str


def module_name(file: Path) -> str:
    """Return the dotted name of a file under the root."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def root_of(module: str) -> str:
    """Return the top-level package."""
    return module.partition(".")[0]


@cache
def imports_of(package: str) -> tuple[Import, ...]:
    """Return the imports of all files of a package."""
    return tuple(
        Import(str(file.relative_to(ROOT)), line, module, when)
        for file in sorted((ROOT / package).rglob("*.py"))
        for module, line, when in _walk(ast.parse(file.read_text(encoding="utf-8")), "loading")
    )


def _walk(node: ast.AST, when: str) -> Iterator[tuple[str, int, str]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.name, node.lineno, when
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports of ours are absolute"
        for name in (node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)):
            yield name, node.lineno, when
    elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
        for statement in node.body:
            yield from _walk(statement, "checking")
        for statement in node.orelse:
            yield from _walk(statement, when)
    else:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            when = "calling"
        for child in ast.iter_child_nodes(node):
            yield from _walk(child, when)

"""The numeric package stays pure: no package of ours, no clock, log, environment or broker."""

import ast
from pathlib import Path

import detectors

ALLOWED = {"detectors", "numpy", "numba", "scipy"}
PLAIN = {"abc", "collections", "dataclasses", "functools", "math", "typing"}


def test_detectors_import_only_numbers() -> None:
    files = sorted(Path(detectors.__file__).parent.glob("*.py"))
    assert len(files) > 10
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert name.split(".")[0] in ALLOWED | PLAIN, f"{file.name} imports {name}"

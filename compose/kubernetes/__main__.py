"""``python -m compose.kubernetes``: writes the manifests, beside this file unless told where.

``--console https://driftlog.example.org`` puts the address into the alerts' links under which a
browser finds the console.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

import yaml

from compose.kubernetes.manifests import manifests
from driftlog.terminal import echo

__all__ = ["CONSOLE", "files"]

CONSOLE: Final = "http://driftlog-console:8090"  # inside the cluster

_HEAD: Final = (
    "# Made by `python -m compose.kubernetes`: change what it is made of, not this file.\n"
)
# Not applied unless asked for: its rules are about the metrics of the example service.
_LEFT_OUT: Final = "prometheusrule-service.yaml"


class _Plain(yaml.SafeDumper):
    """Lists are indented below their key; nothing is an alias; long texts are blocks."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, held: str) -> yaml.ScalarNode:
    style = "|" if "\n" in held else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", held, style=style)


_Plain.add_representer(str, _text)


def _written(objects: list[dict[str, Any]]) -> str:
    options: dict[str, Any] = {"sort_keys": False, "width": 110, "allow_unicode": True}
    text: str = yaml.dump_all(objects, Dumper=_Plain, explicit_start=True, **options)
    return _HEAD + text


def files(console: str = CONSOLE) -> dict[str, str]:
    """Return what is written, by the name of the file.

    Args:
        console: where a browser finds the console, without a slash at the end.
    """
    made = {name: _written(objects) for name, objects in manifests(console).items()}
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [name for name in made if name != _LEFT_OUT],
    }
    return {**made, "kustomization.yaml": _written([kustomization])}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m compose.kubernetes", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument("--console", default=CONSOLE, help="where a browser finds the console")
    given = parser.parse_args()
    for name, text in files(given.console.rstrip("/")).items():
        (given.folder / name).write_text(text, encoding="utf-8")
        echo(f"{given.folder / name}")

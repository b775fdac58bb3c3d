"""Holds the lock file against a copy of the advisory database: ``make audit ADVISORIES=folder``.

The copy is a checkout of https://github.com/pypa/advisory-database, or the unpacked dump of PyPI's
advisories of https://osv.dev; nothing is asked over the network, and the answer is as old as the
copy. Both are in the OSV format (https://ossf.github.io/osv-schema).
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import yaml
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from tests.architecture.imports import ROOT

__all__ = ["Advisory", "advisories", "audit", "pins"]


@dataclass(frozen=True, slots=True)
class Advisory:
    """One known weakness of one package; `affects` tells of which versions."""

    id: str
    package: str
    modified: str
    affected: Mapping[str, Any]

    def affects(self, version: str) -> bool:
        """Whether a version has it: by the list of versions, or by a range."""
        if version in map(str, self.affected.get("versions") or ()):
            return True
        return any(
            _within(Version(version), one["events"])
            for one in self.affected.get("ranges") or ()
            if one["type"] == "ECOSYSTEM"
        )

    @property
    def mended(self) -> str:
        """The versions that mend it, as far as they are known."""
        events = [
            event for one in self.affected.get("ranges") or () for event in one.get("events", ())
        ]
        return ", ".join(str(one["fixed"]) for one in events if "fixed" in one) or "none known"


def pins(lock: Path) -> dict[str, str]:
    """Return package and version of each line of a lock file."""
    found = re.findall(r"^([\w.-]+)==([\w.!+-]+)", lock.read_text(encoding="utf-8"), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


def advisories(folder: Path) -> Iterator[Advisory]:
    """Read all that are not withdrawn."""
    for file in sorted([*folder.rglob("*.yaml"), *folder.rglob("*.json")]):
        text = file.read_text(encoding="utf-8")
        told = yaml.safe_load(text) if file.suffix == ".yaml" else json.loads(text)
        if not isinstance(told, dict) or told.get("withdrawn"):
            continue
        for one in told.get("affected") or ():
            package = one.get("package", {})
            if package.get("ecosystem") == "PyPI":
                name = canonicalize_name(package["name"])
                yield Advisory(told["id"], name, str(told.get("modified", "")), one)


def audit(pinned: Mapping[str, str], known: Iterator[Advisory]) -> tuple[list[Advisory], int, str]:
    """Return the advisories that the pins are affected by, how many were read, and the newest."""
    found, count, newest = [], 0, ""
    for one in known:
        count, newest = count + 1, max(newest, one.modified)
        if one.package in pinned and one.affects(pinned[one.package]):
            found.append(one)
    return found, count, newest


def _within(version: Version, events: list[Mapping[str, Any]]) -> bool:
    inside = False
    for event in events:  # in order of version, as the format asks
        try:
            ((kind, bound),) = event.items()
            reached = str(bound) == "0" or version >= Version(str(bound))
        except InvalidVersion:
            continue
        if kind == "introduced":
            inside = inside or reached
        elif kind == "fixed" and reached:
            inside = False
        elif kind == "last_affected":
            inside = inside and version <= Version(str(bound))
    return inside


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--lock",
    type=click.Path(path_type=Path, exists=True),
    default=ROOT / "requirements.lock",
    help="Another lock file than that of users.",
)
def main(folder: Path, lock: Path) -> None:
    """Name every pinned version of which FOLDER knows a weakness; ends with 1 if there is one."""
    pinned = pins(lock)
    found, count, newest = audit(pinned, advisories(folder))
    if not count:
        raise click.ClickException(f"{folder} holds no advisory on a package of PyPI")
    for one in found:
        click.echo(f"{one.package} {pinned[one.package]}: {one.id}, mended in {one.mended}")
    click.echo(
        f"{len(pinned)} packages of {lock.name}, {count:,} advisories, "
        f"the newest of {newest[:10]}: {len(found)} apply"
    )
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()

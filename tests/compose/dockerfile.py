"""The Dockerfile as a list of instructions, and the folder that it makes of this repository."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from tests.architecture.imports import ROOT

__all__ = ["DOCKERFILE", "Instruction", "copied", "environment", "last_stage", "words"]

DOCKERFILE: Final = ROOT / "compose" / "Dockerfile"


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: its name in capitals, the rest as it is written, and its stage from 0."""

    name: str
    rest: str
    stage: int


@cache
def instructions() -> tuple[Instruction, ...]:
    """All of them, continued lines joined and comments left out."""
    text = DOCKERFILE.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    found, stage = [], -1
    for line in filter(None, map(str.strip, joined.splitlines())):
        name, _, rest = line.partition(" ")
        stage += name == "FROM"
        found.append(Instruction(name, rest.strip(), stage))
    return tuple(found)


def last_stage(name: str) -> list[str]:
    """What the instructions of a name hold, in the stage that becomes the image."""
    last = instructions()[-1].stage
    return [one.rest for one in instructions() if one.name == name and one.stage == last]


def words(rest: str) -> list[str]:
    """The words of an instruction in its JSON form.

    Raises:
        ValueError: it is in the other form, which runs a shell.
    """
    found: list[str] = json.loads(rest)
    return found


def environment() -> dict[str, str]:
    """Variables of the image, by ENV."""
    pairs = (word.partition("=") for rest in last_stage("ENV") for word in shlex.split(rest))
    return {name: value for name, _, value in pairs}


def copied(to: Path) -> None:
    """Copy into a folder what the first stage copies from this repository."""
    for one in instructions():
        if one.name != "COPY" or one.rest.startswith("--"):
            continue
        *sources, target = one.rest.split()
        for source in sources:
            found = sorted(ROOT.glob(source))
            assert found, f"COPY {source}: there is no such file"
            for path in found:
                place = to / target
                if path.is_dir():
                    ignore = shutil.ignore_patterns("__pycache__", ".*")
                    shutil.copytree(path, place, ignore=ignore, dirs_exist_ok=True)
                else:
                    folder = place if target.endswith("/") else place.parent
                    folder.mkdir(parents=True, exist_ok=True)
                    shutil.copy(path, folder)

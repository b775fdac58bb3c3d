"""The wheel as users get it, and an installation of the client alone."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Callable
from email.parser import HeaderParser
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.architecture.imports import ROOT

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built by the project's own build backend."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def client(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run code in a Python that has the wheel and its client dependencies, and nothing else.

    The dependencies are linked from this environment, so that nothing is fetched; which they are,
    the wheel's own metadata say.
    """
    site = tmp_path_factory.mktemp("client")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
        (metadata,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        head = HeaderParser().parsestr(archive.read(metadata).decode())
    wanted = [Requirement(text) for text in head.get_all("Requires-Dist", [])]
    seen: set[str] = set()
    while wanted:
        requirement = wanted.pop()
        marker = requirement.marker
        if requirement.name in seen or (marker and not marker.evaluate({"extra": ""})):
            continue
        seen.add(requirement.name)
        found = distribution(requirement.name)
        wanted += [Requirement(text) for text in found.requires or ()]
        for top in {path.parts[0] for path in found.files or () if path.parts[0] != ".."}:
            link = site / top
            if top != "__pycache__" and not link.exists():
                link.symlink_to(Path(str(found.locate_file(top))))

    # -I and -S: no environment variables, no working directory, no site-packages.
    start = f"import sys; sys.path.insert(0, {str(site)!r}); "

    def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-S", "-B", "-c", start + code, *arguments]
        elsewhere = tmp_path_factory.getbasetemp()
        return subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, check=False)

    return run

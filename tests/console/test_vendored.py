"""The code of others that the console's pages load is the code that was released."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

import api

STATIC = Path(api.__file__).parent / "console" / "static"
VENDOR = STATIC / "vendor"
LIST = VENDOR / "VENDORED.txt"


def test_vendored_files_are_those_of_the_list() -> None:
    listed = {
        name: digest
        for digest, name in re.findall(r"^([0-9a-f]{64})  (\S+)$", LIST.read_text(), re.MULTILINE)
    }
    held = {
        file.name: sha256(file.read_bytes()).hexdigest()
        for file in VENDOR.iterdir()
        if file != LIST
    }
    assert listed == held


def test_the_list_names_version_and_licence() -> None:
    text = LIST.read_text()
    assert "uPlot 1.6.32, MIT" in text
    assert "v1.6.32" in (VENDOR / "uPlot.iife.min.js").read_text()[:60]
    assert "MIT License" in (VENDOR / "uPlot-LICENSE.txt").read_text()

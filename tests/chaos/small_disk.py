"""A disk that is small enough to be filled: a file system in memory."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

__all__ = ["SmallDisk", "small_disk"]

_BLOCK: Final = 65_536


class SmallDisk:
    """The mounted file system; `small_disk` makes one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Take all room that is left."""
        with self._ballast.open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(b"\0" * _BLOCK)
            except OSError:
                return

    def empty(self) -> None:
        """Give it back."""
        self._ballast.unlink(missing_ok=True)


@contextmanager
def small_disk(megabytes: int) -> Iterator[SmallDisk]:
    """Mount one of so many MB; needs the right to mount (root).

    Raises:
        subprocess.CalledProcessError: there is no right to.
    """
    with tempfile.TemporaryDirectory(prefix="driftlog-disk-") as temporary:
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", temporary]
        subprocess.run(command, check=True)
        try:
            yield SmallDisk(Path(temporary))
        finally:
            subprocess.run(["umount", "-l", temporary], check=True)

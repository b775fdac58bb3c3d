"""Evidently's PSI as a peer, in an environment of its own: it wants pandas below 3."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["WINDOWS", "Evidently"]

FloatArray = NDArray[np.float64]

WINDOWS = (200, 1_000)  # rows
_LIMIT = 0.1  # its default for PSI
_HOME = Path(__file__).parents[1] / "evidently_env"
_PATIENCE_S = 900.0


@dataclass(frozen=True, slots=True)
class Evidently:
    """Its interpreter."""

    python: Path

    @classmethod
    def installed(cls) -> Self:
        """Make the environment from its lock file, once; it is kept in the user's cache folder.

        Raises:
            subprocess.CalledProcessError: pip cannot install it.
        """
        lock = _HOME / "requirements.lock"
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "driftlog"
        digest = blake2b(lock.read_bytes(), digest_size=6).hexdigest()
        home = cache / f"evidently-{digest}"
        python = home / "bin" / "python"
        done = home / "complete"
        if not done.is_file():
            venv.create(home, with_pip=True, clear=True)
            pip = [str(python), "-m", "pip", "install", "--quiet", "--require-virtualenv"]
            subprocess.run([*pip, "-r", str(lock)], check=True, stdout=sys.stderr)
            done.touch()
        return cls(python)

    def psi(
        self, reference: FloatArray, rows: FloatArray, windows: tuple[int, ...] = WINDOWS
    ) -> dict[int, FloatArray]:
        """PSI (S, n // window) of rows (S, n) against a reference (S, m), by window."""
        with tempfile.TemporaryDirectory(prefix="driftlog-") as folder:
            given, made = Path(folder) / "in.npz", Path(folder) / "out.npz"
            np.savez(given, reference=reference, rows=rows, windows=np.array(windows))
            subprocess.run(
                [str(self.python), str(_HOME / "psi.py"), str(given), str(made)],
                check=True,
                timeout=_PATIENCE_S,
            )
            with np.load(made, allow_pickle=False) as found:
                return {window: found[f"psi_{window}"] for window in windows}

    def alarms(self, reference: FloatArray, rows: FloatArray) -> dict[str, list[list[int]]]:
        """Last rows of the windows at or above its limit, by name and signal."""
        return {
            f"Evidently PSI > {_LIMIT:g}, windows of {window:,}": [
                ((np.flatnonzero(row >= _LIMIT) + 1) * window - 1).tolist() for row in psi
            ]
            for window, psi in self.psi(reference, rows).items()
        }

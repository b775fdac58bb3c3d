"""A container's command as a process: the image's tree, environment and rights, and no container.

The tree is what the Dockerfile copies, and may not be written to. Where the tests run as root the
process has no capability left, as under ``cap_drop: [ALL]``: without one root too is refused.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.compose.dockerfile import copied, environment, last_stage, words
from tests.compose.stack import services

__all__ = ["Container", "Image"]

_URL: Final = re.compile(r"http://[\d.]+:\d+")
_DEADLINE_S: Final = 240.0  # what takes so long has failed, on a busy machine too
_LOOK_S: Final = 0.1
_UNPRIVILEGED: Final = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs")


class Container:
    """A process that runs, or has ended; `Image.running` makes one."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log

    @property
    def output(self) -> str:
        """All that it has said."""
        return self._log.read_text(errors="replace")

    @property
    def url(self) -> str:
        """Where it listens, as soon as it says so.

        Raises:
            AssertionError: it ended without a word about it, or was silent for too long.
        """
        deadline = time.monotonic() + _DEADLINE_S
        while not (found := _URL.search(self.output)):
            assert self._process.poll() is None, f"it ended:\n{self.output}"
            assert time.monotonic() < deadline, f"no address in:\n{self.output}"
            time.sleep(_LOOK_S)
        return found[0]

    def ended(self) -> int:
        """Wait for its end and return the exit code."""
        return self._process.wait(_DEADLINE_S)

    def stop(self) -> int:
        """Tell it to end as Docker does, wait, and return the exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self.ended()
        finally:
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()


class Image:
    """The image as folders.

    Args:
        folder: of its own; gets the tree (``app``), what is written (``tmp``), the cache.
        bootstrap: the broker that stands in for the service ``kafka``.
        settings: variables to put in place of the file's.
    """

    def __init__(self, folder: Path, bootstrap: str, settings: Mapping[str, str]) -> None:
        self.app, self.tmp, self.cache = folder / "app", folder / "tmp", folder / "cache"
        self._bootstrap = bootstrap
        self._settings = settings
        for one in (self.app, self.tmp, self.cache):
            one.mkdir()
        copied(self.app)

    def seal(self) -> None:
        """Make the tree one that nobody may write to, as in a read-only file system."""
        self._chmod(self.app, 0o555, 0o444)

    def unseal(self) -> None:
        """Let the test's own folder be removed again."""
        self._chmod(self.app, 0o755, 0o644)

    @staticmethod
    def _chmod(tree: Path, folders: int, files: int) -> None:
        for path in (tree, *tree.rglob("*")):
            path.chmod(folders if path.is_dir() else files)

    def files(self) -> set[str]:
        """All paths below the tree."""
        return {str(path.relative_to(self.app)) for path in self.app.rglob("*")}

    def _variables(self, service: Mapping[str, str]) -> dict[str, str]:
        held = {**environment(), **service, **self._settings}
        moved = {"/app": self.app, "/tmp": self.tmp, "/opt/cache": self.cache}
        for name, value in held.items():
            for place, folder in moved.items():
                if name != "PATH" and (value == place or value.startswith(f"{place}/")):
                    held[name] = f"{folder}{value.removeprefix(place)}"
        held["DRIFTLOG_KAFKA"] = self._bootstrap
        # /tmp is the container's own there; the path of tools is this machine's.
        return {**held, "TMPDIR": str(self.tmp), "PATH": os.defpath}

    def _arguments(self, arguments: list[str]) -> list[str]:
        """In place of the stack's addresses those of the test, and of fixed ports free ones."""
        addresses = {"kafka:9092": self._bootstrap, "0.0.0.0": "127.0.0.1"}
        found = [addresses.get(one, one) for one in arguments]
        for at, one in enumerate(found):
            if one == "--port":
                found[at + 1] = "0"
        return found

    def run(self, arguments: list[str]) -> subprocess.CompletedProcess[str]:
        """Run a command line of the Dockerfile, beginning with ``python``, to its end."""
        return subprocess.run(
            self._command(arguments),
            cwd=self.app,
            env=self._variables({}),
            capture_output=True,
            text=True,
            timeout=_DEADLINE_S,
            check=False,
        )

    @staticmethod
    def _command(arguments: list[str]) -> list[str]:
        assert arguments[0] == "python"
        command = [sys.executable, *arguments[1:]]
        if os.geteuid() != 0:
            return command
        assert shutil.which(_UNPRIVILEGED[0]), "setpriv is of util-linux"
        return [*_UNPRIVILEGED, *command]

    def probe(self, service: str, url: str) -> subprocess.CompletedProcess[str]:
        """Run the healthcheck of a service against where it listens here."""
        command: list[str] = services()[service]["healthcheck"]["test"][1:]
        path = "/" + command[-1].split("/", 3)[3]
        return self.run([*command[:-1], url + path])

    @contextmanager
    def running(self, service: str) -> Iterator[Container]:
        """Start a service of compose.yaml; it ends with the block."""
        held = services()[service]
        (entry,) = last_stage("ENTRYPOINT")
        log = self.tmp.parent / f"{service}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                self._command([*words(entry), *self._arguments(held["command"])]),
                cwd=self.app,
                env=self._variables(held["environment"]),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        container = Container(process, log)
        try:
            yield container
        finally:
            container.stop()

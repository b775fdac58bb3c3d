"""Apache Kafka's jars, fetched once by Maven and kept in the user's cache folder."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

from driftlog.errors import BrokerError

__all__ = ["KAFKA_VERSION", "classpath", "locked", "why_not"]

KAFKA_VERSION: Final = "4.1.1"
_LOG4J_VERSION: Final = "2.24.3"  # the one that this Kafka brings
_JAVA: Final = 17  # Kafka 4 brokers need it

# Kafka names no logging backend: without one a broker that fails says nothing.
_POM: Final = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>driftlog</groupId>
  <artifactId>kafka-jars</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>{KAFKA_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId>
      <artifactId>log4j-slf4j-impl</artifactId>
      <version>{_LOG4J_VERSION}</version>
    </dependency>
  </dependencies>
</project>
"""


@cache
def why_not() -> str | None:
    """Return why Apache Kafka cannot run on this machine, in a few words, or None if it can."""
    if shutil.which("java") is None:
        return f"there is no java on the PATH (Java {_JAVA} or later is needed)"
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False)  # noqa: S607
    version = re.search(r'version "(\d+)', said.stderr + said.stdout)
    if version is None or int(version[1]) < _JAVA:
        found = version[1] if version else "of unknown version"
        return f"java on the PATH is {found} (Java {_JAVA} or later is needed)"
    if shutil.which("mvn") is None and not _folder().exists():
        return "there is no mvn (Maven) on the PATH to fetch Kafka's jars"
    return None


def classpath() -> str:
    """Return the class path of an Apache Kafka broker; fetches the jars on first use (43 MB).

    Processes that ask at the same time wait for the one that fetches.

    Raises:
        BrokerError: Java or Maven are missing, or Maven failed; its last words are in the message.
    """
    if (reason := why_not()) is not None:
        raise BrokerError(f"Apache Kafka cannot run here: {reason}")
    folder = _folder()
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked(folder.with_name(f"{folder.name}.lock")):
            if not folder.exists():
                _fetch(folder)
    return str(folder / "*")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock among processes; it ends with the process that holds it, whatever happens."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _folder() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "driftlog" / f"kafka-{KAFKA_VERSION}"


def _fetch(folder: Path) -> None:
    """Let Maven copy the jars; the folder appears at once and whole, or not at all."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="kafka-fetch-") as work:
        jars = Path(work) / "jars"
        pom = Path(work) / "pom.xml"
        pom.write_text(_POM)
        command = ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies"]
        command += [f"-DoutputDirectory={jars}", "-DincludeScope=runtime"]
        run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if run.returncode:
            said = "\n".join((run.stdout + run.stderr).splitlines()[-15:])
            raise BrokerError(
                f"Maven could not fetch Apache Kafka {KAFKA_VERSION} (is Maven Central "
                f"reachable?):\n{said}"
            )
        jars.rename(folder)

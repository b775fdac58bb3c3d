"""``python -m grafana``: write the dashboards anew.

``--console https://driftlog.example.org`` puts another address of the console into them, and
``--out`` another folder to write them to, for a Grafana of one's own.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from grafana.files import FOLDER, written
from grafana.links import CONSOLE


def main() -> None:
    """Read the options and write the files."""
    parser = argparse.ArgumentParser("python -m grafana", description=__doc__)
    parser.add_argument("--console", default=CONSOLE, help="where the console answers")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder to write to")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for name, text in written(given.console.rstrip("/")).items():
        (given.out / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

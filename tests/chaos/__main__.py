"""``python -m tests.chaos``: do to driftlog what production does, and see whether it holds.

python -m tests.chaos --list            what there is
python -m tests.chaos kills outages     those rows
python -m tests.chaos                   all rows (hours)
python -m tests.chaos kills --short     the form that `make test` runs
python -m tests.chaos kills --write     keep the figures, for docs/reliability.md
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import traceback

from rich.console import Console
from rich.table import Table

from tests.architecture.generated_tables import renew
from tests.chaos.findings import RESULTS, save
from tests.chaos.row import Report
from tests.chaos.rows import rows


def main(arguments: list[str] | None = None) -> int:
    """Run rows; the exit code is the number of those that did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("row", nargs="*", help="names of rows; all if none is given")
    parser.add_argument("--list", action="store_true", help="show the rows and end")
    parser.add_argument("--short", action="store_true", help="the form that `make test` runs")
    parser.add_argument("--write", action="store_true", help="keep the figures of long runs")
    asked = parser.parse_args(arguments)
    console = Console(stderr=True, soft_wrap=True)
    known = rows()
    if unknown := [name for name in asked.row if name not in known]:
        parser.error(f"no row {', '.join(unknown)}; there are {', '.join(known)}")
    if asked.short and asked.write:
        parser.error("figures of short forms are not kept: leave out --short or --write")
    if asked.list:
        table = Table("row", "fault", "dose", "must hold")
        for name, row in known.items():
            table.add_row(name, row.fault, row.dose, row.holds)
        Console().print(table)
        return 0
    broken = 0
    for name in asked.row or known:
        report = Report(name, console)
        report.say(f"{known[name].fault}: {known[name].dose}")
        try:
            asyncio.run(known[name].run(report, short=asked.short))
        except Exception as exc:  # a row that cannot be run has not held
            traceback.print_exc()
            report.hold(False, f"the run went through: {type(exc).__name__}: {str(exc)[:200]}")
        broken += bool(report.failed)
        report.say("HOLDS" if not report.failed else f"DOES NOT HOLD: {'; '.join(report.failed)}")
        if asked.write:
            save(report, RESULTS)
            renew()
    return broken


if __name__ == "__main__":
    sys.exit(main())

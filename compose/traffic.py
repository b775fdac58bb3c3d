"""``python -m compose.traffic FILE``: flights in a file, for `driftlog replay` to send.

One shuffled half of March, and after it the same flights under the weather of others: quiet
traffic of which no row comes twice. Drift is added on the way, by a scenario.
"""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from api.flights import FEATURES, NUMBERS, split_march
from driftlog.terminal import echo

__all__ = ["flights_table"]

_ROWS: Final = 60_000  # ten minutes at 100 requests a second


def flights_table(rows: int, seed: int = 0) -> pa.Table:
    """Return flights as the service's ``/predict`` takes them, one column a feature.

    Args:
        rows: as many.
        seed: of the shuffle and of the weather.
    """
    _, flights = split_march(seed)
    parts, made = [], 0
    for again in count(1):
        parts.append(flights.take(slice(0, rows - made)))
        made += len(parts[-1])
        if made >= rows:
            break
        flights = flights.reweathered(seed + again)
    columns = {name: np.concatenate([part.inputs[name] for part in parts]) for name in FEATURES}
    return pa.table(
        {
            # What the records lack is null, as it is in the log.
            name: pa.array(column, from_pandas=name in NUMBERS)
            for name, column in columns.items()
        }
    )


def _write(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    table = flights_table(_ROWS)
    pq.write_table(table, file)
    echo(f"{table.num_rows:,} flights in {file}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        echo("usage: python -m compose.traffic FILE", err=True)
        sys.exit(2)
    _write(Path(sys.argv[1]))

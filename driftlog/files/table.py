"""CSV, Parquet and JSON lines as one kind of table. Arrow is loaded when a file is read."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from driftlog.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["FORMATS", "arrow", "file_digest", "is_lines", "json_lines", "read_table"]

_CSV = (".csv", ".csv.gz", ".tsv", ".tsv.gz")
_PARQUET = (".parquet", ".pq")
_LINES = (".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz")
FORMATS = _CSV + _PARQUET + _LINES


def arrow() -> Any:
    """Return pyarrow, so that nothing loads it before a file is read.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import pyarrow
    except ImportError as exc:
        raise MissingExtraError("reading files (pyarrow)") from exc
    return pyarrow


def read_table(path: Path | str) -> pa.Table:
    """Read a file by its ending (see `FORMATS`); plain or with gzip where the ending says so.

    Empty cells of a CSV file, and those that hold NA, NaN, null and the like without quotes, are
    nulls. A JSON value that is no scalar is kept as a struct or a list; a column whose values are
    of several types is one of texts.

    Raises:
        InputError: the file is missing, damaged, empty or of an unknown kind; names file and row.
    """
    path = _existing(path)
    if path.name.lower().endswith(_LINES):
        table = _from_lines(path)
    elif path.name.lower().endswith(_CSV):
        table = _from_csv(path)
    else:
        table = _from_parquet(path)
    names = table.column_names
    double = {name for name in names if names.count(name) > 1}
    if double:
        raise InputError(f"{path}: columns {sorted(double)} come twice; rename them")
    if not table.num_rows:
        raise InputError(f"{path} has columns but no rows")
    return table


def file_digest(path: Path | str) -> str:
    """Return the SHA-256 of the file's bytes, in hex."""
    with _existing(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_lines(path: Path | str) -> bool:
    """Return whether the file is one of JSON lines, by its ending."""
    return Path(path).name.lower().endswith(_LINES)


def json_lines(path: Path | str) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not blank, with their number from 1.

    Raises:
        InputError: the file is missing or its compression is damaged.
    """
    path = _existing(path)
    with _opened(path) as file:
        try:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, line.strip()
        except (OSError, EOFError, zlib.error) as exc:
            raise InputError(f"{path} cannot be read: {exc}; is it a whole gzip file?") from exc


def _opened(path: Path) -> BufferedIOBase:
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")


def _existing(path: Path | str) -> Path:
    path = Path(path)
    if not path.name.lower().endswith(FORMATS):
        raise InputError(f"{path}: unknown kind of file; its name must end in {', '.join(FORMATS)}")
    if not path.is_file():
        raise InputError(f"{path} {'is not a file' if path.exists() else 'does not exist'}")
    return path


def _from_csv(path: Path) -> Any:
    pa = arrow()
    from pyarrow import csv

    def read(**options: Any) -> Any:
        return csv.read_csv(
            str(path),
            read_options=csv.ReadOptions(**options),
            parse_options=csv.ParseOptions(
                delimiter="\t" if ".tsv" in path.name.lower() else ",", newlines_in_values=True
            ),
            convert_options=csv.ConvertOptions(
                strings_can_be_null=True, quoted_strings_can_be_null=False
            ),
        )

    try:
        return read()
    except (pa.ArrowInvalid, OSError) as first:
        if path.stat().st_size == 0:
            raise InputError(f"{path} is empty") from first
    try:
        # Arrow guesses the types from the first block, and a later one may tell otherwise: as one
        # block it sees the whole file. One thread, so that an error names its row.
        return read(block_size=_ONE_BLOCK, use_threads=False)
    except (pa.ArrowInvalid, OSError) as exc:
        raise InputError(f"{path} is not a readable CSV file: {exc}") from exc


_ONE_BLOCK = 2**31 - 1


def _from_parquet(path: Path) -> Any:
    pa = arrow()
    from pyarrow import parquet

    try:
        return parquet.read_table(str(path))
    except (pa.ArrowException, OSError) as exc:
        raise InputError(f"{path} is not a readable Parquet file: {exc}") from exc


def _from_lines(path: Path) -> Any:
    pa = arrow()
    rows = [parsed(path, number, line) for number, line in json_lines(path)]
    if not rows:
        raise InputError(f"{path} is empty")
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {}
    for name in names:
        values = [row.get(name) for row in rows]
        try:
            columns[name] = pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            columns[name] = pa.array([None if v is None else _text(v) for v in values])
    return pa.table(columns)


def parsed(path: Path | str, number: int, line: bytes) -> dict[str, Any]:
    """Return the JSON object of a line.

    Raises:
        InputError: the line is not JSON or not an object; names file and line.
    """
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as exc:
        raise InputError(f"{path}, line {number} is not JSON: {exc}") from exc
    if not isinstance(row, dict):
        raise InputError(
            f"{path}, line {number} holds {line[:40].decode(errors='replace')}; "
            "each line must be one JSON object"
        )
    return row


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()

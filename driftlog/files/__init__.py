"""Files as event logs: what replay, scan and reference building read."""

from driftlog.files.events import FileRow, file_events, file_rows
from driftlog.files.spec import FileSpec
from driftlog.files.table import FORMATS, file_digest, read_table

__all__ = [
    "FORMATS",
    "FileRow",
    "FileSpec",
    "file_digest",
    "file_events",
    "file_rows",
    "read_table",
]

"""Which inputs and rows of a reference the command line names."""

from __future__ import annotations

from typing import Any

import msgspec

from driftlog.errors import InputError
from driftlog.records import OUTPUT_SIGNALS, ReferenceProfile
from driftlog.settings import ModelSettings

__all__ = ["TYPES", "check_names", "chosen_models", "rows_slice"]

TYPES = ("number", "category", "boolean", "text")


def chosen_models(models: ModelSettings, options: dict[str, Any]) -> ModelSettings:
    """Return the settings of models with what --include, --exclude and --type add.

    Raises:
        InputError: a type is not of the form COL=TYPE.
    """
    types: dict[str, Any] = dict(models.types)
    for text in options["types"]:
        column, _, kind = text.rpartition("=")
        if not column or kind not in TYPES:
            raise InputError(f"--type holds {text!r}; it may hold COL=TYPE, one of {TYPES}")
        types[column] = kind
    return msgspec.structs.replace(
        models,
        include=_names(options["include"]) or models.include,
        exclude=(*models.exclude, *_names(options["exclude"])),
        types=types,
    )


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def check_names(profile: ReferenceProfile, options: dict[str, Any]) -> None:
    """Refuse names on the command line that are no input: each is a slip of the pen.

    Raises:
        InputError: with what there is, and what was perhaps meant.
    """
    from driftlog.files.spec import near

    inputs = list(dict.fromkeys(one.input_name for one in profile.signals if one.role == "input"))
    columns = [*inputs, *profile.excluded]
    typed = tuple(text.rpartition("=")[0] for text in options["types"])
    for name in (*_names(options["include"]), *_names(options["exclude"]), *typed):
        if name not in columns and not (name in typed and name in OUTPUT_SIGNALS):
            raise InputError(
                f"there is no input {name!r}; there are {', '.join(columns)}{near(name, columns)}"
            )


def rows_slice(text: str | None) -> slice:
    """Return the rows that ``A:B`` names; None: all.

    >>> rows_slice("500:"), rows_slice("0:100")
    (slice(500, None, None), slice(None, 100, None))

    Raises:
        InputError: it is not of that form.
    """
    if text is None:
        return slice(None)
    start, colon, stop = text.partition(":")
    if not colon or not all(part == "" or part.isdecimal() for part in (start, stop)):
        raise InputError(f"--rows holds {text!r}; it may hold A:B, such as 0:10000 or 500:")
    return slice(int(start or 0) or None, int(stop) if stop else None)

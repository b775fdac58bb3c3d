"""A reference profile as a file of JSON."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from driftlog.errors import ContractError, InputError
from driftlog.records import REFERENCE, ReferenceProfile
from driftlog.terminal import echo

__all__ = ["read_profile", "write_profile"]


def read_profile(file: Path) -> ReferenceProfile:
    """Return the profile in a file.

    Raises:
        InputError: it cannot be read, is none, or was changed by hand.
    """
    from stream.profile import reference_id

    try:
        profile = REFERENCE.decode(file.read_bytes())
    except (OSError, ContractError) as exc:
        raise InputError(
            f"{file} cannot be read as a reference: {exc}; 'driftlog reference build' writes one"
        ) from exc
    if reference_id(profile) != profile.reference_id:
        raise InputError(
            f"{file} was changed after it was built (its id {profile.reference_id} is not that of "
            "its content); build it again"
        )
    return profile


def write_profile(profile: ReferenceProfile, out: str | None) -> None:
    """Write a profile to ``out``; ``-`` is standard output, None a file named by its model.

    Raises:
        InputError: the file cannot be written.
    """
    raw = msgspec.json.format(REFERENCE.encode(profile), indent=1) + b"\n"
    if out == "-":
        click.get_binary_stream("stdout").write(raw)
        return
    path = Path(out or f"{profile.model}@{profile.version}.reference.json".replace("/", "_"))
    try:
        path.write_bytes(raw)
    except OSError as exc:
        raise InputError(f"{path} cannot be written: {exc}; name another with --out") from exc
    echo(f"wrote {path}", err=True)

"""Every exception of driftlog, under one root, so that a caller can catch them all."""

from __future__ import annotations

__all__ = [
    "BrokerError",
    "ContractError",
    "DriftlogError",
    "InputError",
    "MissingExtraError",
    "ProfileError",
    "SettingsError",
    "StateError",
]


class DriftlogError(Exception):
    """Root of all errors raised by driftlog. The message names the thing and the mend."""

    exit_code = 1


class SettingsError(DriftlogError):
    """A setting cannot be used: names the key, what it held and what it may hold."""

    exit_code = 2

    def __init__(self, key: str, held: object, may_hold: str) -> None:
        super().__init__(f"setting {key!r} holds {held!r}; it may hold {may_hold}")
        self.key = key
        self.held = held
        self.may_hold = may_hold


class InputError(DriftlogError):
    """A file, option or argument given by the user cannot be used."""

    exit_code = 2


class ContractError(DriftlogError):
    """A record of ours (verdict, alert, reference, ...) does not fulfil its schema."""


class ProfileError(DriftlogError):
    """A reference profile is missing, damaged or does not fit the model."""


class BrokerError(DriftlogError):
    """The broker cannot be reached or refuses; names the address and the mend."""

    exit_code = 3


class StateError(DriftlogError):
    """A stored state cannot be read: damaged, of a future version or of another type."""


class MissingExtraError(DriftlogError):
    """A server part is used in an installation that has the client alone."""

    exit_code = 2

    def __init__(self, what: str, extra: str = "server") -> None:
        super().__init__(
            f'{what} needs the {extra} part of driftlog: run pip install "driftlog[{extra}]" '
            "and start it from a checkout or the image."
        )

"""Which reference profile a pane is judged by."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote

from driftlog.errors import InputError
from driftlog.records import ReferenceProfile
from stream.routing import model_version

__all__ = ["ReferenceBook", "parse_reference_key", "reference_key"]


def reference_key(profile: ReferenceProfile) -> str:
    """Key of a profile on the topic, ``model@version@reference_id``, names percent-encoded.

    What tells two profiles apart is this key: one that is written again under it replaces itself.
    """
    return f"{model_version(profile.model, profile.version)}@{profile.reference_id}"


def parse_reference_key(text: str) -> tuple[str, str, str]:
    """Return (model, version, reference id or "") of ``model@version`` with or without an id.

    >>> parse_reference_key("late%40jfk@3")
    ('late@jfk', '3', '')

    Raises:
        InputError: it is not of that form.
    """
    parts = [unquote(part) for part in text.split("@")]
    if len(parts) not in (2, 3) or not all(parts):
        raise InputError(
            f"{text!r} is not MODEL@VERSION or MODEL@VERSION@ID; write an @ inside a name as %40"
        )
    return parts[0], parts[1], parts[2] if len(parts) == 3 else ""


class ReferenceBook:
    """All reference profiles known, none ever changed; a further one makes a new book.

    Whatever the order in which profiles came, the same ones make the same book.
    """

    def __init__(self, profiles: Iterable[ReferenceProfile] = ()) -> None:
        by_key = {reference_key(profile): profile for profile in profiles}
        self._history: dict[tuple[str, str], tuple[ReferenceProfile, ...]] = {}
        for profile in sorted(by_key.values(), key=_age):
            name = (profile.model, profile.version)
            self._history[name] = (*self._history.get(name, ()), profile)

    def __len__(self) -> int:
        return sum(map(len, self._history.values()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ReferenceBook) and self._history == other._history

    __hash__ = None  # type: ignore[assignment]  # equal by content, and the content is large

    def with_profile(self, profile: ReferenceProfile) -> ReferenceBook:
        """Return a book that holds this one too."""
        return ReferenceBook([*self.profiles(), profile])

    def in_effect(self, model: str, version: str, ts_ms: int) -> ReferenceProfile | None:
        """Return the profile by which a pane is judged, or None while there is none yet.

        Args:
            model: name of the model.
            version: its version.
            ts_ms: *start* of the pane. The greatest ``effective_from_ms`` at or before it wins;
                of equal ones the greatest reference id.
        """
        found = None
        for profile in self._history.get((model, version), ()):
            if profile.effective_from_ms > ts_ms:
                break
            found = profile
        return found

    def versions(self) -> tuple[tuple[str, str], ...]:
        """Return the (model, version) pairs that have a profile, sorted."""
        return tuple(sorted(self._history))

    def history(self, model: str, version: str) -> tuple[ReferenceProfile, ...]:
        """Return all profiles of a model version in the order in which they take effect."""
        return self._history.get((model, version), ())

    def profiles(self) -> tuple[ReferenceProfile, ...]:
        """Return all profiles, by model, version and the order of taking effect."""
        return tuple(one for name in self.versions() for one in self._history[name])


def _age(profile: ReferenceProfile) -> tuple[int, str]:
    return profile.effective_from_ms, profile.reference_id

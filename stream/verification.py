"""What was published, held against what the log says ought to have been."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b

from driftlog.errors import ContractError
from driftlog.records import ALERT, MARKER, VERDICT
from stream.output import Output

__all__ = ["Difference", "Published", "Verification"]

Name = tuple[str, int]  # of a verdict: its key and pane end; of an alert: its id and pane end

_MARKER = b"marker "
_UNDER_WAY_MS = 60_000  # of event time
_DIGEST = 8  # bytes: a topic of a million verdicts must fit into memory


@dataclass(frozen=True, slots=True)
class Difference:
    """One record that is not as it ought to be: ``differs``, ``missing``, ``unfounded``."""

    what: str
    kind: str  # verdict or alert
    name: str
    pane_end_ms: int

    def __str__(self) -> str:
        return f"{self.kind} {self.name} of the pane that ends at {self.pane_end_ms} {self.what}"


@dataclass(slots=True)
class Published:
    """What lies on ``verdicts`` and ``alerts``, as digests.

    ``closed``: by partition of ``columns``, the end of the last pane whose marker is there.
    ``other_config``: verdicts of settings that are not those of now; these are not compared.
    ``contradictions``: records told twice, and not alike.
    """

    config: str
    verdicts: dict[Name, bytes] = field(default_factory=dict)
    alerts: dict[Name, bytes] = field(default_factory=dict)
    closed: dict[int, int] = field(default_factory=dict)
    oldest: dict[str, int] = field(default_factory=dict)  # key -> its first pane end there
    contradictions: list[Difference] = field(default_factory=list)
    other_config: int = 0
    damaged: int = 0

    def verdict(self, key: bytes, value: bytes) -> None:
        """Take a record of ``verdicts``."""
        try:
            if key.startswith(_MARKER) and b"#" not in key:
                marker = MARKER.decode(value)
                newest = max(self.closed.get(marker.marker, 0), marker.closed_through_ms)
                self.closed[marker.marker] = newest
                return
            verdict = VERDICT.decode(value)
        except ContractError:
            self.damaged += 1
            return
        if verdict.config != self.config:
            self.other_config += 1
            return
        name = key.decode(errors="replace")
        end = verdict.pane_end_ms
        self.oldest[name] = min(self.oldest.get(name, end), end)
        self._note(self.verdicts, "verdict", (name, end), value)

    def alert(self, value: bytes) -> None:
        """Take a record of ``alerts``."""
        try:
            alert = ALERT.decode(value)
        except ContractError:
            self.damaged += 1
            return
        if alert.config == self.config:
            self._note(self.alerts, "alert", (alert.alert_id, alert.pane_end_ms), value)
        else:
            self.other_config += 1

    @property
    def alerts_through_ms(self) -> int:
        """Alerts of panes that end by this ought to be there.

        A worker at work may have told the verdicts of the last panes and not yet their alerts.
        """
        newest = max((end for _, end in self.alerts), default=0)
        return max(newest, min(self.closed.values(), default=0) - _UNDER_WAY_MS)

    def _note(self, held: dict[Name, bytes], kind: str, name: Name, value: bytes) -> None:
        digest = _digest(value)
        if held.setdefault(name, digest) != digest:
            self.contradictions.append(Difference("was told twice, not alike", kind, *name))


@dataclass(slots=True)
class Verification:
    """Takes what is told again, record by record, and compares it with what was published."""

    published: Published
    same: int = 0
    found: list[Difference] = field(default_factory=list)
    _seen: dict[str, set[Name]] = field(
        default_factory=lambda: {"verdict": set(), "alert": set()}, init=False
    )

    def take(self, partition: int | None, output: Output) -> None:
        """Compare one record.

        Args:
            partition: of ``columns``, where a verdict comes from; none for alerts.
            output: as a fold gave it.
        """
        if output.topic == "alerts":
            alert = ALERT.decode(output.value)
            name = (alert.alert_id, alert.pane_end_ms)
            there = alert.pane_end_ms <= self.published.alerts_through_ms
            self._compare("alert", self.published.alerts, name, output.value, expected=there)
        elif output.topic == "verdicts" and not output.key.startswith(_MARKER):
            verdict = VERDICT.decode(output.value)
            key = output.key.decode(errors="replace")
            end = verdict.pane_end_ms
            there = end <= self.published.closed.get(-1 if partition is None else partition, 0)
            # Retention and compaction take the oldest: what lies before is not missing.
            kept = end >= self.published.oldest.get(key, end)
            self._compare(
                "verdict",
                self.published.verdicts,
                (key, end),
                output.value,
                expected=there and kept,
            )

    def _compare(
        self, kind: str, held: dict[Name, bytes], name: Name, value: bytes, *, expected: bool
    ) -> None:
        self._seen[kind].add(name)
        digest = held.get(name)
        if digest is None:
            if expected:
                self.found.append(Difference("is missing", kind, *name))
        elif digest == _digest(value):
            self.same += 1
        else:
            self.found.append(Difference("differs", kind, *name))

    def finish(self, verdicts_through_ms: int, alerts_through_ms: int) -> list[Difference]:
        """Return all differences, now that the log has been read to its end.

        Args:
            verdicts_through_ms: panes that all partitions have closed again.
            alerts_through_ms: panes that have been applied to incidents again.
        """
        for kind, held, through in (
            ("verdict", self.published.verdicts, verdicts_through_ms),
            ("alert", self.published.alerts, alerts_through_ms),
        ):
            first = min((end for _, end in self._seen[kind]), default=0)
            for name in sorted(held.keys() - self._seen[kind]):
                if first <= name[1] <= through:
                    self.found.append(Difference("has no ground in the log", kind, *name))
        return [*self.published.contradictions, *self.found]


def _digest(value: bytes) -> bytes:
    return blake2b(value, digest_size=_DIGEST).digest()

"""What users of a broker may do: its ACLs, given and taken while others work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it names no exports
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

__all__ = ["Rights"]

_S: Final = 60.0


class Rights:
    """The ACLs of one user.

    Args:
        bootstrap: where an administrator gets in.
        user: whose.
        prefix: of the topics and groups in question.
    """

    def __init__(self, bootstrap: str, user: str, prefix: str) -> None:
        self._bootstrap = bootstrap
        self._user = f"User:{user}"
        self._prefix = prefix

    def grant(self) -> None:
        """Let the user do all that a worker does."""
        prefixed = ResourcePatternType.PREFIXED
        self._create(
            *(
                self._binding(kind, self._prefix, prefixed, AclOperation.ALL)
                for kind in (ResourceType.TOPIC, ResourceType.GROUP)
            ),
            self._binding(
                ResourceType.BROKER,
                "kafka-cluster",
                ResourcePatternType.LITERAL,
                AclOperation.IDEMPOTENT_WRITE,
            ),
        )

    def forbid_writing(self, topic: str) -> None:
        """Deny the user to write to a topic, whatever else was granted."""
        self._create(self._denial(topic))

    def allow_writing(self, topic: str) -> None:
        """Take `forbid_writing` back."""
        denial = self._denial(topic)
        found = AclBindingFilter(
            denial.restype,
            denial.name,
            denial.resource_pattern_type,
            denial.principal,
            denial.host,
            denial.operation,
            denial.permission_type,
        )
        admin = self._admin()  # its answers come while it lives
        self._done(admin.delete_acls([found], request_timeout=_S))

    def _denial(self, topic: str) -> Any:
        return self._binding(
            ResourceType.TOPIC,
            topic,
            ResourcePatternType.LITERAL,
            AclOperation.WRITE,
            AclPermissionType.DENY,
        )

    def _binding(
        self,
        kind: Any,
        name: str,
        pattern: Any,
        operation: Any,
        permission: Any = AclPermissionType.ALLOW,
    ) -> Any:
        return AclBinding(kind, name, pattern, self._user, "*", operation, permission)

    def _create(self, *bindings: Any) -> None:
        admin = self._admin()
        self._done(admin.create_acls(list(bindings), request_timeout=_S))

    def _admin(self) -> Any:
        # Anew each time: one that is kept complains of a broker that has ended.
        return AdminClient({"bootstrap.servers": self._bootstrap})

    def _done(self, results: Mapping[Any, Any]) -> None:
        for one in results.values():
            one.result()

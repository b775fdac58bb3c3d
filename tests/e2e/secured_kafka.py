"""A real Kafka with a listener that wants TLS and a password, and rights that can be withheld."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import trustme

from driftlog.testing.apache import ApacheKafka
from driftlog.topics import TopicSpec

__all__ = ["NOBODY", "PASSWORD", "USER", "SecuredKafka", "secured_kafka"]

USER, PASSWORD = "driftlog", "correct-horse-battery"
NOBODY = "mallory"  # a user with the same password and no right to anything
_LISTENER = "listener.name.secure."


class SecuredKafka:
    """The secured listener of a broker, as `tests.e2e.deployment` takes a broker."""

    kind: Literal["kafka"] = "kafka"

    def __init__(self, kafka: ApacheKafka, ca_file: Path) -> None:
        self._kafka = kafka
        self.ca_file = ca_file

    @property
    def plain(self) -> ApacheKafka:
        """The broker by its own administrator's way in, which wants no password."""
        return self._kafka

    @property
    def bootstrap(self) -> str:
        """Address of the secured listener."""
        return self._kafka.listener("SECURE")

    def create_topic(self, name: str, partitions: int = 4) -> None:
        """Create a topic, as the broker's own administrator."""
        self._kafka.create_topic(name, partitions)

    def create_topics(self, specs: Iterable[TopicSpec]) -> None:
        """Create topics of the catalogue, as the broker's own administrator."""
        self._kafka.create_topics(specs)

    def settings(
        self, mechanism: str, user: str = USER, password: str = PASSWORD
    ) -> dict[str, str]:
        """Settings of a client, as ``section_key`` in capitals."""
        return {
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_MECHANISM": mechanism,
            "KAFKA_SASL_USERNAME": user,
            "KAFKA_SASL_PASSWORD": password,
            "KAFKA_SSL_CAFILE": str(self.ca_file),
        }

    def environ(self, mechanism: str, user: str = USER, password: str = PASSWORD) -> dict[str, str]:
        """The same with the address, as environment variables."""
        held = self.settings(mechanism, user, password)
        return {f"DRIFTLOG_{name}": value for name, value in held.items()} | {
            "DRIFTLOG_KAFKA": self.bootstrap
        }


@contextmanager
def secured_kafka(folder: Path) -> Iterator[SecuredKafka]:
    """Start one; certificates are made in the folder.

    At the secured listener only `USER` may do anything; the plain one is the test's own way in.
    """
    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1")
    ca_file = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    chain = "".join(pem.bytes().decode() for pem in server.cert_chain_pems)
    users = " ".join(f'user_{name}="{PASSWORD}"' for name in (USER, NOBODY))
    module = "org.apache.kafka.common.security"
    scram = f"{module}.scram.ScramLoginModule required;"
    settings = {
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        f"{_LISTENER}ssl.keystore.type": "PEM",
        f"{_LISTENER}ssl.keystore.certificate.chain": chain,
        f"{_LISTENER}ssl.keystore.key": _pkcs8(server),
        f"{_LISTENER}plain.sasl.jaas.config": (
            f"{module}.plain.PlainLoginModule required {users};"
        ),
        f"{_LISTENER}scram-sha-256.sasl.jaas.config": scram,
        f"{_LISTENER}scram-sha-512.sasl.jaas.config": scram,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:{USER};User:ANONYMOUS",
    }
    with ApacheKafka(
        settings=settings,
        listeners={"SECURE": "SASL_SSL"},
        scram=dict.fromkeys((USER, NOBODY), PASSWORD),
    ) as kafka:
        yield SecuredKafka(kafka, ca_file)


def _pkcs8(certificate: trustme.LeafCert) -> str:
    """The private key in the one form that Kafka reads."""
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(certificate.private_key_pem.bytes(), password=None)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()

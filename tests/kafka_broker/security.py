"""A broker with a way in of every kind, users with and without rights, and certificates made on the spot."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # its own classes are not exported
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from tests.kafka_broker.broker import Broker
from tests.kafka_broker.under_test import KafkaUnderTest

# ANONYMOUS is who comes in without SASL and without a client certificate: the test itself, and the broker.
MAY_ALL = "anything"  # this user may do anything
MAY_WHAT_IS_GRANTED = "limited"  # and this one what `grant` gave it
PASSWORD = "pw-7f3a-not-to-be-seen"
SCRAM_PASSWORD = "pw-9c1b-not-to-be-seen"
CLIENT_NAME = "consumer-by-certificate"

Operation = Literal["read", "write", "describe", "describe_configs"]

_SCRAM_ITERATIONS = 4096
_ANSWER_SECONDS = 10
_LISTENERS = {
    "SASL": "SASL_PLAINTEXT",
    "SASLSCRAM": "SASL_PLAINTEXT",
    "TLS": "SSL",
    "MUTUAL": "SSL",
    "SASLTLS": "SASL_SSL",
}


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files: an authority, a client's certificate and key, and an authority that signed nothing."""

    authority: Path
    client: Path
    client_key: Path
    stranger: Path
    broker_keystore: Path


@dataclass(frozen=True, slots=True)
class SecureKafka:
    """The broker, and certificates where they could be made."""

    broker: Broker
    certificates: Certificates | None

    def at(self, listener: str) -> KafkaUnderTest:
        """One of its ways in."""
        return KafkaUnderTest(self.broker.address(listener))

    @property
    def own(self) -> str:
        """The way in of the test itself."""
        return self.broker.bootstrap

    def require_certificates(self) -> Certificates:
        """They, or skip the test."""
        if self.certificates is None:
            pytest.skip("no openssl to make certificates with")
        return self.certificates


def make_certificates(directory: Path) -> Certificates | None:
    """Certificates for a day, for 127.0.0.1; None where there is no openssl to make them."""
    if shutil.which("openssl") is None:
        return None
    directory.mkdir()
    _authority(directory, "ca")
    _authority(directory, "stranger")
    _signed(directory, "broker", "broker", "subjectAltName=IP:127.0.0.1")
    _signed(directory, "client", CLIENT_NAME, "extendedKeyUsage=clientAuth")
    keystore = directory / "keystore.pem"
    parts = ("broker.key", "broker.pem", "ca.pem")
    keystore.write_text("".join((directory / part).read_text() for part in parts))
    return Certificates(
        directory / "ca.pem",
        directory / "client.pem",
        directory / "client.key",
        directory / "stranger.pem",
        keystore,
    )


def secure_broker(directory: Path, certificates: Certificates | None) -> Broker:
    """A running broker: listeners SASL, SASLSCRAM (which has SCRAM-SHA-512 alone), and TLS, MUTUAL, SASLTLS
    where there are certificates; ACLs on.

    Its plain listener is for the test, which may do anything there.
    """
    listeners = {
        name: protocol
        for name, protocol in _LISTENERS.items()
        if certificates or protocol == "SASL_PLAINTEXT"
    }
    properties = {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:ANONYMOUS;User:{MAY_ALL};User:CN={CLIENT_NAME}",
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        "listener.name.saslscram.sasl.enabled.mechanisms": "SCRAM-SHA-512",
    }
    users = "".join(f' user_{name}="{PASSWORD}"' for name in (MAY_ALL, MAY_WHAT_IS_GRANTED))
    for name in listeners:
        if "SASL" in name:
            prefix = f"listener.name.{name.lower()}"
            module = "org.apache.kafka.common.security"
            properties[f"{prefix}.plain.sasl.jaas.config"] = (
                f"{module}.plain.PlainLoginModule required{users};"
            )
            for bits in (256, 512):
                properties[f"{prefix}.scram-sha-{bits}.sasl.jaas.config"] = (
                    f"{module}.scram.ScramLoginModule required;"
                )
    if certificates:
        properties |= {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(certificates.broker_keystore),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(certificates.authority),
            "listener.name.mutual.ssl.client.auth": "required",
        }
    broker = Broker(directory, properties, listeners)
    _add_scram_user(broker.bootstrap)
    return broker


def grant(
    bootstrap: str,
    kind: Literal["topic", "group"],
    name: str,
    *operations: Operation,
) -> None:
    """Let MAY_WHAT_IS_GRANTED do that with one topic or group; returns when the broker has it."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    bindings = [
        AclBinding(
            ResourceType[kind.upper()],
            name,
            ResourcePatternType.LITERAL,
            f"User:{MAY_WHAT_IS_GRANTED}",
            "*",
            AclOperation[operation.upper()],
            AclPermissionType.ALLOW,
        )
        for operation in operations
    ]
    for future in admin.create_acls(bindings).values():
        future.result(_ANSWER_SECONDS)


def revoke(bootstrap: str, kind: Literal["topic", "group"], name: str) -> None:
    """Take away whatever was granted on it."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    granted = AclBindingFilter(
        ResourceType[kind.upper()],
        name,
        ResourcePatternType.LITERAL,
        f"User:{MAY_WHAT_IS_GRANTED}",
        "*",
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
    for future in admin.delete_acls([granted]).values():
        future.result(_ANSWER_SECONDS)


def _add_scram_user(bootstrap: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    wanted = [
        UserScramCredentialUpsertion(
            MAY_ALL, ScramCredentialInfo(mechanism, _SCRAM_ITERATIONS), SCRAM_PASSWORD.encode()
        )
        for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512)
    ]
    # One call per credential: one user twice in a request is refused.
    for credential in wanted:
        for future in admin.alter_user_scram_credentials([credential]).values():
            future.result(_ANSWER_SECONDS)


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def _authority(directory: Path, name: str) -> None:
    _openssl(
        directory, "req", "-x509", "-days", "1", *_NEW_KEY, "-subj", f"/CN={name}",
        "-keyout", f"{name}.key", "-out", f"{name}.pem",
    )  # fmt: skip


def _signed(directory: Path, name: str, subject: str, extension: str) -> None:
    _openssl(
        directory, "req", *_NEW_KEY, "-subj", f"/CN={subject}",
        "-keyout", f"{name}.key", "-out", f"{name}.csr",
    )  # fmt: skip
    (directory / f"{name}.ext").write_text(extension + "\n")
    _openssl(
        directory, "x509", "-req", "-days", "1", "-in", f"{name}.csr", "-extfile", f"{name}.ext",
        "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", f"{name}.pem",
    )  # fmt: skip


def _openssl(directory: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True, timeout=30)

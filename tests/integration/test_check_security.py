"""`check` where Kafka is secured: TLS, SASL and rights, each broken once, on a real Kafka."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from consumer.emulator.options import EmulatorOptions, Limits
from consumer.emulator.server import Emulator
from tests.integration.check_scene import Said, event_file, run_check
from tests.integration.secure_kafka import WRONG_PASSWORD, own_topics, plain, scram
from tests.kafka_broker.security import (
    MAY_ALL,
    MAY_WHAT_IS_GRANTED,
    PASSWORD,
    SCRAM_PASSWORD,
    Operation,
    SecureKafka,
    grant,
)
from tests.kafka_broker.traffic import Topics
from tests.process import settings_for

pytestmark = pytest.mark.kafka

QUICK = EmulatorOptions(limits=Limits(30, 3.0, 2.0))
NEEDED: Mapping[str, tuple[Operation, ...]] = {
    "source": ("read",),
    "dead_letters": ("write",),
    "replay": ("read",),
    "outcomes": ("read", "write"),
}


async def check(
    kafka: SecureKafka, listener: str, made: Topics, settings: dict[str, str], *arguments: str
) -> Said:
    """With a Zoho that is well; no password and no key is shown."""
    async with Emulator(QUICK) as zoho:
        said = await run_check(
            settings_for(kafka.at(listener), made, zoho.url, **settings), "--no-mint", *arguments
        )
    for secret in (PASSWORD, SCRAM_PASSWORD, WRONG_PASSWORD, "PRIVATE KEY"):
        assert secret not in said.out + said.err
    return said


async def test_tls_with_a_client_certificate_is_well(secure_kafka: SecureKafka) -> None:
    """The certificate's names and end are told."""
    made = secure_kafka.require_certificates()
    settings = {
        "kafka_security_protocol": "SSL",
        "kafka_ssl_ca_file": str(made.authority),
        "kafka_ssl_cert_file": str(made.client),
        "kafka_ssl_key_file": str(made.client_key),
    }

    said = await check(secure_kafka, "MUTUAL", await own_topics(secure_kafka), settings)

    assert {row["group"] for row in said.bad} == {"topics"}, "their settings are the broker's defaults"
    tls = said.row("network", "TLS")["found"]
    assert "certificate for 127.0.0.1" in tls
    assert "valid until" in tls


async def test_sasl_over_tls_is_well(secure_kafka: SecureKafka) -> None:
    """The mechanisms that are offered, and who was let in."""
    made = secure_kafka.require_certificates()
    settings = {
        **scram(512),
        "kafka_security_protocol": "SASL_SSL",
        "kafka_ssl_ca_file": str(made.authority),
    }

    said = await check(secure_kafka, "SASLTLS", await own_topics(secure_kafka), settings)

    assert {row["group"] for row in said.bad} == {"topics"}, "their settings are the broker's defaults"
    assert said.row("kafka", "SASL")["found"] == "offers PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"
    assert said.row("kafka", "login")["found"] == f"let in as {MAY_ALL} by SASL_SSL"


async def test_another_authority(secure_kafka: SecureKafka) -> None:
    """Exit code 4, and the setting that names the authority."""
    made = secure_kafka.require_certificates()
    settings = {"kafka_security_protocol": "SSL", "kafka_ssl_ca_file": str(made.stranger)}

    said = await check(secure_kafka, "TLS", await own_topics(secure_kafka), settings)

    assert said.code == 4
    [bad] = said.bad
    assert "not trusted" in bad["found"]
    assert "CONSUMER_KAFKA_SSL_CA_FILE" in bad["todo"]
    assert said.row("kafka", "login")["mark"] == "unchecked"


async def test_a_name_that_the_certificate_does_not_have(secure_kafka: SecureKafka) -> None:
    """Exit code 4: the name is the fault, not the authority."""
    made = secure_kafka.require_certificates()
    port = secure_kafka.broker.address("TLS").rpartition(":")[2]
    settings = {
        "kafka_security_protocol": "SSL",
        "kafka_ssl_ca_file": str(made.authority),
        "kafka_bootstrap_servers": f"localhost:{port}",
    }

    said = await check(secure_kafka, "TLS", await own_topics(secure_kafka), settings)

    assert said.code == 4
    [bad] = said.bad
    assert bad["subject"] == f"localhost:{port} TLS"
    assert "Use a name in CONSUMER_KAFKA_BOOTSTRAP_SERVERS" in bad["todo"]


async def test_no_client_certificate_where_one_is_wanted(secure_kafka: SecureKafka) -> None:
    """TLS itself is well; the broker then hangs up: exit code 4 with the files to check."""
    made = secure_kafka.require_certificates()
    settings = {"kafka_security_protocol": "SSL", "kafka_ssl_ca_file": str(made.authority)}

    said = await check(secure_kafka, "MUTUAL", await own_topics(secure_kafka), settings)

    assert said.code == 4
    [bad] = said.bad
    assert "login" in bad["subject"]
    assert "_SSL_" in bad["todo"]


async def test_a_file_that_is_no_certificate(secure_kafka: SecureKafka, tmp_path: Path) -> None:
    """Exit code 2: it is a setting that is wrong."""
    file = tmp_path / "ca.pem"
    file.write_text("not PEM")
    settings = {"kafka_security_protocol": "SSL", "kafka_ssl_ca_file": str(file)}

    said = await check(secure_kafka, "TLS", await own_topics(secure_kafka), settings)

    assert said.code == 2
    [bad] = said.bad
    assert "CONSUMER_KAFKA_SSL_CA_FILE holds no certificate" in bad["found"]


async def test_tls_to_a_plain_port(secure_kafka: SecureKafka) -> None:
    """Exit code 4: the port is open and speaks no TLS."""
    made = secure_kafka.require_certificates()
    settings = {"kafka_security_protocol": "SSL", "kafka_ssl_ca_file": str(made.authority)}
    plain_port = {"kafka_bootstrap_servers": secure_kafka.own}

    said = await check(secure_kafka, "TLS", await own_topics(secure_kafka), settings | plain_port)

    assert said.code == 4
    [bad] = said.bad
    assert "does this port speak TLS?" in bad["found"]


async def test_no_tls_to_a_tls_port(secure_kafka: SecureKafka) -> None:
    """Exit code 3: the connection is closed, and the protocol is named."""
    secure_kafka.require_certificates()

    said = await check(secure_kafka, "TLS", await own_topics(secure_kafka), {})

    assert said.code == 3
    [bad] = said.bad
    assert "CONSUMER_KAFKA_SECURITY_PROTOCOL" in bad["todo"]


@pytest.mark.parametrize("settings", [plain(MAY_ALL, WRONG_PASSWORD), scram(512, WRONG_PASSWORD)])
async def test_a_wrong_password(secure_kafka: SecureKafka, settings: dict[str, str]) -> None:
    """The mechanism is offered, the login refused: exit code 4, and nothing behind it is guessed."""
    said = await check(secure_kafka, "SASL", await own_topics(secure_kafka), settings)

    assert said.code == 4
    [bad] = said.bad
    assert "refuses the credentials" in bad["found"]
    assert "_SASL_PASSWORD" in bad["todo"]
    assert said.row("kafka", "SASL")["mark"] == "ok"
    assert said.row("topics", "all")["mark"] == "unchecked"


async def test_a_mechanism_that_is_not_offered(secure_kafka: SecureKafka) -> None:
    """Exit code 4, with those that are."""
    said = await check(secure_kafka, "SASLSCRAM", await own_topics(secure_kafka), plain(MAY_ALL))

    assert said.code == 4
    [bad] = said.bad
    assert bad["found"] == "does not offer PLAIN, but SCRAM-SHA-512"
    assert "CONSUMER_KAFKA_SASL_MECHANISM" in bad["todo"]


async def test_sasl_to_a_port_without_it(secure_kafka: SecureKafka) -> None:
    """Exit code 4: this listener has no SASL."""
    settings = plain(MAY_ALL) | {"kafka_bootstrap_servers": secure_kafka.own}

    said = await check(secure_kafka, "SASL", await own_topics(secure_kafka), settings)

    assert said.code == 4
    [bad] = said.bad
    assert "no SASL" in bad["found"]


def grant_all(kafka: SecureKafka, made: Topics, but: str = "", instead: Operation | None = None) -> None:
    """The rights that `run` needs, of which one topic or the group (`but`) has none, or another one."""
    for name, rights in NEEDED.items():
        given = rights if name != but else (() if instead is None else (instead,))
        if given:
            grant(kafka.own, "topic", getattr(made, name), *given)
    if but != "group":
        grant(kafka.own, "group", made.group, "read")
    elif instead is not None:
        grant(kafka.own, "group", made.group, instead)


async def test_the_rights_that_are_needed_are_enough(secure_kafka: SecureKafka) -> None:
    """All well but the settings of the topics, which may not be read: no ✗ for that."""
    made = await own_topics(secure_kafka)
    grant_all(secure_kafka, made)

    said = await check(secure_kafka, "SASL", made, plain(MAY_WHAT_IS_GRANTED))

    assert (said.code, said.bad) == (0, [])
    assert "grant DescribeConfigs" in said.row("topics", "dead-letter")["found"]


@pytest.mark.parametrize("lacking", [*NEEDED, "group"])
async def test_a_right_that_is_missing_altogether(secure_kafka: SecureKafka, lacking: str) -> None:
    """Of each topic and of the group: exit code 4, one ✗, and the grant to make; the others are told."""
    made = await own_topics(secure_kafka)
    grant_all(secure_kafka, made, but=lacking)

    said = await check(secure_kafka, "SASL", made, plain(MAY_WHAT_IS_GRANTED))

    assert said.code == 4
    [bad] = said.bad
    name = getattr(made, lacking)
    assert (bad["group"], bad["kind"]) == ("rights", "refused")
    assert name in bad["subject"]
    what = "group" if lacking == "group" else "topic"
    rights = " and ".join(right.capitalize() for right in NEEDED.get(lacking, ("read",)))
    assert f"Grant {rights} on {what} {name}" in bad["todo"]


@pytest.mark.parametrize(
    ("lacking", "instead", "wanted"),
    [
        ("source", "describe", "Read"),
        ("dead_letters", "read", "Write"),
        ("outcomes", "read", "Write"),
        ("outcomes", "write", "Read"),
        ("group", "describe", "Read"),
    ],
)
async def test_a_right_that_is_not_enough(
    secure_kafka: SecureKafka, lacking: str, instead: Operation, wanted: str
) -> None:
    """It may be seen, and that is not enough: found without reading or writing anything."""
    made = await own_topics(secure_kafka)
    grant_all(secure_kafka, made, but=lacking, instead=instead)

    said = await check(secure_kafka, "SASL", made, plain(MAY_WHAT_IS_GRANTED))

    assert said.code == 4
    [bad] = said.bad
    assert f"{wanted} not allowed" in bad["found"]
    assert bad["todo"].startswith(f"Grant {wanted} on ")


async def test_nothing_is_sent_without_the_rights(secure_kafka: SecureKafka, tmp_path: Path) -> None:
    """A right is missing: the group is not joined, and Zoho not called."""
    made = await own_topics(secure_kafka)
    grant_all(secure_kafka, made, but="outcomes")
    async with Emulator(QUICK) as zoho:
        env = settings_for(secure_kafka.at("SASL"), made, zoho.url, **plain(MAY_WHAT_IS_GRANTED))
        said = await run_check(env, "--send", event_file(tmp_path), "--yes")

        assert said.code == 4
        assert said.row("call", "not made")["mark"] == "unchecked"
        assert zoho.audit().calls == 0

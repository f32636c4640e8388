"""TLS, SASL and ACLs: the real process gets in where it may, and says what is missing where it may not."""

import pytest

from consumer.emulator.faults import Fault
from tests.integration.conftest import MakeConsumer
from tests.integration.scene import (
    binary,
    changes,
    dead_letters,
    finished,
    header,
    last_names,
    names_at_zoho,
    reaches,
    until,
)
from tests.integration.secure_kafka import (
    WRONG_PASSWORD,
    applied_and_dead_lettered,
    at_work,
    commit_start,
    own_topics,
    plain,
    refused,
    scram,
)
from tests.kafka_broker.security import (
    MAY_ALL,
    MAY_WHAT_IS_GRANTED,
    SecureKafka,
    grant,
    revoke,
)
from tests.kafka_broker.traffic import publish

pytestmark = pytest.mark.kafka


async def test_sasl_plain(secure_kafka: SecureKafka, consumer_process: MakeConsumer) -> None:
    """User name and password, unencrypted."""
    await applied_and_dead_lettered(secure_kafka, "SASL", consumer_process, plain(MAY_ALL))


async def test_sasl_scram(secure_kafka: SecureKafka, consumer_process: MakeConsumer) -> None:
    """SCRAM-SHA-512."""
    await applied_and_dead_lettered(secure_kafka, "SASL", consumer_process, scram(512))


async def test_tls_with_a_client_certificate(
    secure_kafka: SecureKafka, consumer_process: MakeConsumer
) -> None:
    """The broker's certificate is checked against the CA file, and ours is asked for and taken."""
    made = secure_kafka.require_certificates()
    settings = {
        "kafka_security_protocol": "SSL",
        "kafka_ssl_ca_file": str(made.authority),
        "kafka_ssl_cert_file": str(made.client),
        "kafka_ssl_key_file": str(made.client_key),
    }
    await applied_and_dead_lettered(secure_kafka, "MUTUAL", consumer_process, settings)


async def test_sasl_plain_over_tls(secure_kafka: SecureKafka, consumer_process: MakeConsumer) -> None:
    """User name and password through TLS."""
    made = secure_kafka.require_certificates()
    settings = {
        **plain(MAY_ALL),
        "kafka_security_protocol": "SASL_SSL",
        "kafka_ssl_ca_file": str(made.authority),
    }
    await applied_and_dead_lettered(secure_kafka, "SASLTLS", consumer_process, settings)


@pytest.mark.parametrize(
    "settings",
    [plain(MAY_ALL, WRONG_PASSWORD), scram(512, WRONG_PASSWORD)],
    ids=["PLAIN", "SCRAM-SHA-512"],
)
async def test_a_wrong_password_ends_the_start(
    secure_kafka: SecureKafka, consumer_process: MakeConsumer, settings: dict[str, str]
) -> None:
    """Exit code 4 at once; the settings are named, the password is not shown."""
    said = await refused(secure_kafka, "SASL", consumer_process, settings)

    assert "refuses the credentials" in said
    assert "_SASL_PASSWORD" in said


async def test_an_untrusted_certificate_ends_the_start(
    secure_kafka: SecureKafka, consumer_process: MakeConsumer
) -> None:
    """Another authority's CA file: exit code 4, and the setting to check is named."""
    made = secure_kafka.require_certificates()
    settings = {"kafka_security_protocol": "SSL", "kafka_ssl_ca_file": str(made.stranger)}

    said = await refused(secure_kafka, "TLS", consumer_process, settings)

    assert "CONSUMER_KAFKA_SSL_CA_FILE" in said


async def test_no_client_certificate_ends_the_start(
    secure_kafka: SecureKafka, consumer_process: MakeConsumer
) -> None:
    """The broker demands one and there is none: exit code 4, and the files to check are named."""
    made = secure_kafka.require_certificates()
    settings = {"kafka_security_protocol": "SSL", "kafka_ssl_ca_file": str(made.authority)}

    said = await refused(secure_kafka, "MUTUAL", consumer_process, settings)

    assert "_SSL_" in said


async def test_a_topic_that_may_not_be_seen_ends_the_start(
    secure_kafka: SecureKafka, consumer_process: MakeConsumer
) -> None:
    """No right at all: exit code 4, the topic and the rights are named."""
    made = await own_topics(secure_kafka)

    said = await refused(secure_kafka, "SASL", consumer_process, plain(MAY_WHAT_IS_GRANTED), made)

    assert made.source in said
    assert "grant" in said


@pytest.mark.parametrize("has_position", [False, True], ids=["new group", "group with a position"])
async def test_a_source_topic_that_may_not_be_read_ends_the_start(
    secure_kafka: SecureKafka, consumer_process: MakeConsumer, has_position: bool
) -> None:
    """Described but not readable: exit code 4 with the right to grant, with or without a position."""
    made = await own_topics(secure_kafka, "describe")
    grant(secure_kafka.own, "topic", made.outcomes, "read")
    await publish(secure_kafka.own, made.source, changes(1, 1))
    if has_position:
        await commit_start(secure_kafka.own, made)

    said = await refused(secure_kafka, "SASL", consumer_process, plain(MAY_WHAT_IS_GRANTED), made)

    assert f"grant Read on topic {made.source}" in said


async def test_outcomes_that_may_not_be_read_end_the_start(
    secure_kafka: SecureKafka, consumer_process: MakeConsumer
) -> None:
    """What was applied before could not be known: exit code 4 with the right to grant."""
    made = await own_topics(secure_kafka, "describe")
    grant(secure_kafka.own, "topic", made.source, "read")

    said = await refused(secure_kafka, "SASL", consumer_process, plain(MAY_WHAT_IS_GRANTED), made)

    assert f"grant Read on topic {made.outcomes}" in said


async def test_a_group_that_may_not_be_used_ends_the_start(
    secure_kafka: SecureKafka, consumer_process: MakeConsumer
) -> None:
    """Topics allowed, the group not: exit code 4, with the group and the right."""
    made = await own_topics(secure_kafka, "read", group=False)

    said = await refused(secure_kafka, "SASL", consumer_process, plain(MAY_WHAT_IS_GRANTED), made)

    assert f"grant Read on group {made.group}" in said


async def test_the_rights_that_are_used_are_enough(
    secure_kafka: SecureKafka, consumer_process: MakeConsumer
) -> None:
    """Read on source and replay topic, Write on dead letters, both on outcomes, Read on the group."""
    made = await own_topics(secure_kafka)
    grant(secure_kafka.own, "topic", made.source, "read")
    grant(secure_kafka.own, "topic", made.replay, "read")
    grant(secure_kafka.own, "topic", made.dead_letters, "write")
    grant(secure_kafka.own, "topic", made.outcomes, "read", "write")
    grant(secure_kafka.own, "group", made.group, "read")

    await applied_and_dead_lettered(secure_kafka, "SASL", consumer_process, plain(MAY_WHAT_IS_GRANTED), made)


@pytest.mark.parametrize("seen", [False, True])
async def test_a_replay_topic_that_may_not_be_read_ends_the_start(
    secure_kafka: SecureKafka, consumer_process: MakeConsumer, seen: bool
) -> None:
    """Not seen, or seen and not readable: exit code 4 with the topic and the right."""
    made = await own_topics(secure_kafka)
    for topic in (made.source, made.dead_letters, made.outcomes):
        grant(secure_kafka.own, "topic", topic, "read", "write")
    grant(secure_kafka.own, "group", made.group, "read")
    if seen:
        grant(secure_kafka.own, "topic", made.replay, "describe")

    said = await refused(secure_kafka, "SASL", consumer_process, plain(MAY_WHAT_IS_GRANTED), made)

    assert made.replay in said
    assert "grant Read" in said


async def test_a_dead_letter_topic_that_may_not_be_written_is_waited_for(
    secure_kafka: SecureKafka, consumer_process: MakeConsumer
) -> None:
    """`kafka_down` with the right to grant; once granted, it goes on by itself and nothing is lost."""
    made = await own_topics(secure_kafka, "read")
    grant(secure_kafka.own, "topic", made.outcomes, "write")
    await publish(secure_kafka.own, made.source, [binary(b"{", "bad"), *changes(2, 2)])
    user = plain(MAY_WHAT_IS_GRANTED)
    async with at_work(secure_kafka, "SASL", consumer_process, user, made) as (process, zoho):
        status = await reaches(process, "kafka_down")
        assert f"to topic {made.dead_letters}: grant Write on it" in status["reason"]
        assert await dead_letters(secure_kafka.own, made) == []

        grant(secure_kafka.own, "topic", made.dead_letters, "write")
        await finished(process, 3)
        letters = [header(letter, "dlq.event.id") for letter in await dead_letters(secure_kafka.own, made)]
        assert (["bad"], last_names(2, 2)) == (letters, names_at_zoho(zoho, 2))


async def test_a_source_topic_that_may_not_be_read_any_more_is_waited_for(
    secure_kafka: SecureKafka, consumer_process: MakeConsumer
) -> None:
    """Once started, a right that is taken away is a wait and no end, and the reason names the right."""
    made = await own_topics(secure_kafka, "read", "write")
    user = plain(MAY_WHAT_IS_GRANTED)
    async with at_work(secure_kafka, "SASL", consumer_process, user, made) as (process, zoho):
        zoho.add_fault(Fault("slow", calls=1, seconds=1.0))
        await publish(secure_kafka.own, made.source, changes(1, 1))

        async def called() -> bool:
            return zoho.audit().calls == 1

        await until(called)
        revoke(secure_kafka.own, "topic", made.source)
        status = await reaches(process, "kafka_down")
        assert "grant Read on the topic" in status["reason"]

        grant(secure_kafka.own, "topic", made.source, "read")
        await publish(secure_kafka.own, made.source, changes(4, 2))
        await finished(process, 5)
        assert last_names(4, 2) == names_at_zoho(zoho, 2)

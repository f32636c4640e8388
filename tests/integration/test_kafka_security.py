"""TLS, SASL and ACLs: the real process gets in where it may, and says what is missing where it may not."""

import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import cast

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as KafkaPartition

from consumer.emulator.faults import Fault
from consumer.emulator.options import EmulatorOptions, Limits
from consumer.emulator.server import Emulator
from tests.chart.rendering import acls_of
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
from tests.kafka_broker.broker import Broker
from tests.kafka_broker.java import BrokerUnavailableError
from tests.kafka_broker.security import (
    MAY_ALL,
    MAY_WHAT_IS_GRANTED,
    PASSWORD,
    SCRAM_PASSWORD,
    Certificates,
    Operation,
    grant,
    make_certificates,
    revoke,
    secure_broker,
)
from tests.kafka_broker.traffic import Topics, create_topics, publish, unique_topics
from tests.kafka_broker.under_test import KafkaUnderTest
from tests.kafka_broker.untested import UNTESTED
from tests.process import ConsumerProcess, settings_for

pytestmark = pytest.mark.kafka

QUICK = EmulatorOptions(limits=Limits(30, 3.0, 2.0))
WRONG_PASSWORD = "pw-2e8d-wrong-and-not-to-be-seen"
AT_ONCE_SECONDS = 20  # most of it is the start of a Python process on a busy machine


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


@pytest.fixture(scope="module")
def secure_kafka(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SecureKafka]:
    """One broker for all tests of this file; it is slow to start."""
    directory = tmp_path_factory.mktemp("secure")
    certificates = make_certificates(directory / "certificates")
    with ExitStack() as stack:
        try:
            broker = stack.enter_context(secure_broker(directory / "broker", certificates))
        except BrokerUnavailableError as error:
            request.config.stash[UNTESTED].skip(str(error))
        yield SecureKafka(broker, certificates)


def plain(user: str, password: str = PASSWORD) -> dict[str, str]:
    """Settings of SASL PLAIN."""
    return {
        "kafka_security_protocol": "SASL_PLAINTEXT",
        "kafka_sasl_mechanism": "PLAIN",
        "kafka_sasl_username": user,
        "kafka_sasl_password": password,
    }


def scram(bits: int, password: str = SCRAM_PASSWORD) -> dict[str, str]:
    """Settings of SASL SCRAM."""
    return {**plain(MAY_ALL, password), "kafka_sasl_mechanism": f"SCRAM-SHA-{bits}"}


async def own_topics(kafka: SecureKafka, *rights: Operation, group: bool = True) -> Topics:
    """Four topics that are one test's alone, with these rights on each, and one on the group."""
    made = unique_topics()
    await create_topics(kafka.own, *made.names)
    if rights:
        for name in made.names:
            grant(kafka.own, "topic", name, *rights)
        if group:
            grant(kafka.own, "group", made.group, "read")
    return made


@asynccontextmanager
async def at_work(
    kafka: SecureKafka,
    listener: str,
    consumer_process: MakeConsumer,
    settings: dict[str, str],
    topics: Topics,
) -> AsyncIterator[tuple[ConsumerProcess, Emulator]]:
    """A consumer with these settings, and its Zoho; it ends cleanly and has shown no secret."""
    async with Emulator(QUICK) as zoho:
        env = settings_for(kafka.at(listener), topics, zoho.url, **settings)
        async with consumer_process(env) as process:
            yield process, zoho
            assert await process.terminate() == 0
        assert_no_secret(process.log_lines())


async def applied_and_dead_lettered(
    kafka: SecureKafka,
    listener: str,
    consumer_process: MakeConsumer,
    settings: dict[str, str],
    topics: Topics | None = None,
) -> list[str]:
    """A consumer with these settings applies a good event and dead-letters a bad one; what it logged."""
    made = topics or await own_topics(kafka)
    await publish(kafka.own, made.source, [binary(b"{", "bad"), *changes(1, 1)])
    async with at_work(kafka, listener, consumer_process, settings, made) as (process, zoho):
        await finished(process, 2)
        letters = [header(letter, "dlq.event.id") for letter in await dead_letters(kafka.own, made)]
        assert (["bad"], last_names(1, 1)) == (letters, names_at_zoho(zoho, 1))
    return process.log_lines()


async def refused(
    kafka: SecureKafka,
    listener: str,
    consumer_process: MakeConsumer,
    settings: dict[str, str],
    topics: Topics | None = None,
) -> str:
    """A consumer with these settings ends at once with exit code 4; what it said."""
    made = topics or await own_topics(kafka)
    process = consumer_process(settings_for(kafka.at(listener), made, "http://127.0.0.1:1", **settings))
    started = time.monotonic()
    process.start()
    exit_code = await process.wait(60)
    lines = process.log_lines()

    assert exit_code == 4, lines
    assert time.monotonic() - started < AT_ONCE_SECONDS, lines
    assert_no_secret(lines)
    [said] = [line for line in lines if line.startswith("Error: ")]
    return said


async def commit_start(bootstrap: str, topics: Topics) -> None:
    """Let the group have a position, as after an earlier run."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=topics.group, enable_auto_commit=False)
    await consumer.start()
    try:
        partition = KafkaPartition(topics.source, 0)
        consumer.assign([partition])
        await consumer.commit({partition: 0})
    finally:
        await consumer.stop()


def assert_no_secret(lines: list[str]) -> None:
    """No password, and no key."""
    text = "\n".join(lines)
    for secret in (PASSWORD, SCRAM_PASSWORD, WRONG_PASSWORD, "PRIVATE KEY"):
        assert secret not in text


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


async def test_the_rights_that_the_chart_gives_are_enough(
    secure_kafka: SecureKafka, consumer_process: MakeConsumer, chart_tools: None
) -> None:
    """The KafkaUser of the Helm chart: applied, dead-lettered, and every topic's settings compared."""
    made = unique_topics()
    await create_topics(secure_kafka.own, *made.names)
    for acl in acls_of("consumer", made):
        operations = [re.sub(r"(?<=[a-z])(?=[A-Z])", "_", each).lower() for each in acl["operations"]]
        resource = acl["resource"]
        grant(secure_kafka.own, resource["type"], resource["name"], *cast("list[Operation]", operations))

    lines = await applied_and_dead_lettered(
        secure_kafka, "SASL", consumer_process, plain(MAY_WHAT_IS_GRANTED), made
    )

    assert not any("DescribeConfigs" in line for line in lines)


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

"""A broker with TLS, SASL and ACLs, and the real process at it."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as KafkaPartition

from consumer.emulator.options import EmulatorOptions, Limits
from consumer.emulator.server import Emulator
from tests.integration.conftest import MakeConsumer
from tests.integration.scene import (
    binary,
    changes,
    dead_letters,
    finished,
    header,
    last_names,
    names_at_zoho,
)
from tests.kafka_broker.security import (
    MAY_ALL,
    PASSWORD,
    SCRAM_PASSWORD,
    Operation,
    SecureKafka,
    grant,
)
from tests.kafka_broker.traffic import Topics, create_topics, publish, unique_topics
from tests.process import ConsumerProcess, settings_for

QUICK = EmulatorOptions(limits=Limits(30, 3.0, 2.0))
WRONG_PASSWORD = "pw-2e8d-wrong-and-not-to-be-seen"
AT_ONCE_SECONDS = 20  # most of it is the start of a Python process on a busy machine


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

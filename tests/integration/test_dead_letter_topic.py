"""The dead-letter topic itself: what it takes, what it refuses, and that one letter harms no other."""

import random

from consumer.delivery.dead_letter import DeadLetter
from consumer.delivery.ports import NotWritten
from consumer.kafka.dead_letters import DeadLetterTopic
from consumer.kafka.producer import SharedProducer
from consumer.settings import KafkaSettings
from tests.integration.conftest import MakeTopics
from tests.kafka_broker.traffic import read_all
from tests.kafka_broker.under_test import KafkaUnderTest


async def test_a_letter_that_is_too_large_fails_alone_and_says_how_it_was_sent(
    kafka: KafkaUnderTest, topics: MakeTopics
) -> None:
    """A small one fails its batch, which is then written one by one; a large one is tried compressed."""
    topic = (await topics(dead_letter_config={"max.message.bytes": "50000"}, partitions=2)).dead_letters
    noise = random.Random(7).randbytes(600_000)
    values = {"first": b"1", "plain": b"x" * 60_000, "between": b"2", "spaces": b" " * 2_000_000}
    values |= {"noise": noise, "last": b"3"}
    letters = [
        DeadLetter(name, number // 3, None, value, ()) for number, (name, value) in enumerate(values.items())
    ]

    results = await _write(kafka, topic, letters)

    reasons = {letter.id: result.reason for letter, result in zip(letters, results, strict=True) if result}
    assert {"plain", "noise"} == reasons.keys()
    assert "of about 60000 bytes is larger than" in reasons["plain"]
    assert "of about 600000 bytes, sent compressed, is larger than" in reasons["noise"]
    written = [record.value for record in await read_all(kafka.bootstrap, topic)]
    assert {values[name] for name in ("first", "between", "spaces", "last")} == set(written)
    assert 4 == len(written)


async def _write(kafka: KafkaUnderTest, topic: str, letters: list[DeadLetter]) -> list[NotWritten | None]:
    producer = SharedProducer(KafkaSettings(bootstrap_servers=kafka.bootstrap))
    try:
        return list(await DeadLetterTopic(producer, topic).write(letters))
    finally:
        await producer.close()

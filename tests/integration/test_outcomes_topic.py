"""The outcomes topic on a real Kafka: where records go, what is dropped, what is found again."""

import asyncio
import json

from confluent_kafka import Producer

from consumer.delivery.outcome import (
    OutcomeRecord,
)
from consumer.delivery.ports import NotWritten
from consumer.kafka.outcome_lookup import outcomes_of_event, outcomes_of_session
from consumer.kafka.outcomes import OutcomeTopic
from consumer.settings import KafkaSettings
from tests.conftest import OwnBroker
from tests.integration.conftest import MakeTopics
from tests.integration.outcomes_scene import TOPIC, applied, record, session, writer
from tests.integration.scene import until
from tests.kafka_broker.traffic import Outgoing, create_topics, publish, read_all
from tests.kafka_broker.under_test import KafkaUnderTest


async def test_other_clients_put_a_key_into_the_same_partition(
    kafka: KafkaUnderTest, topics: MakeTopics
) -> None:
    """Kafka's own hash of the key: what librdkafka and Java call murmur2_random."""
    topic = (await topics(partitions=7)).outcomes
    keys = [str(session(number)).encode() for number in range(40)]
    async with writer(kafka.bootstrap, topic) as outcomes:
        await outcomes.write([OutcomeRecord(key, b"ours") for key in keys])
    other = Producer({"bootstrap.servers": kafka.bootstrap, "partitioner": "murmur2_random"})
    for key in keys:
        other.produce(topic, b"theirs", key)
    assert 0 == other.flush(10)

    where: dict[bytes | None, set[int]] = {}
    for each in await read_all(kafka.bootstrap, topic):
        where.setdefault(each.key, set()).add(each.partition)

    assert 40 == len(where)
    assert {1} == {len(partitions) for partitions in where.values()}


async def test_what_was_not_sent_when_ownership_ended_is_never_sent(own_broker: OwnBroker) -> None:
    """A member that lost its generation drops what its producer still holds, and says so."""
    broker = own_broker()
    await create_topics(broker.bootstrap, TOPIC)
    async with writer(broker.bootstrap, TOPIC) as outcomes:
        assert [None] == list(await outcomes.write([record(session(1), applied(1))]))
        broker.freeze()
        many = [record(session(number), applied(2)) for number in range(3_000)]
        writing = asyncio.create_task(_write(outcomes, many))
        await until(lambda: _truth(_waits(outcomes)), 10)
        under_way = _under_way(outcomes)
        outcomes.discard()
        broker.thaw()
        results = await writing
        assert [None] == list(await outcomes.write([record(session(2), applied(3))]))

    discarded = [each.reason for each in results if each is not None]
    assert discarded
    assert all("no longer ours" in reason for reason in discarded)
    written = [json.loads(each.value or b"") for each in await read_all(broker.bootstrap, TOPIC)]
    # What was under way arrived; nothing came after that but what was written later.
    assert 0 < under_way == results.count(None)
    assert under_way + 2 == len(written)
    assert "e3" == written[-1]["applied"]["id"]


async def test_what_became_of_an_event_is_found(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """By session in its partition, by source and id anywhere; foreign records are passed over."""
    topic = (await topics(partitions=3)).outcomes
    settings = KafkaSettings(bootstrap_servers=kafka.bootstrap)
    records = [record(session(number % 10), applied(number), about=number) for number in range(100)]
    async with writer(kafka.bootstrap, topic) as outcomes:
        await outcomes.write(records)
    odd = [
        Outgoing(b"[]", records[4].key),
        Outgoing(b'{"event":{"source":"lms","id":"e44"}}', records[4].key),
    ]
    await publish(kafka.bootstrap, topic, odd)

    of_session = await outcomes_of_session(settings, topic, session(4))
    of_event = await outcomes_of_event(settings, topic, "lms", "e44")

    assert [f"e{number}" for number in range(4, 100, 10)] == [each.outcome.event.id for each in of_session]
    assert ["e44"] == [each.outcome.event.id for each in of_event]
    assert json.loads(records[44].value or b"") == of_event[0].value
    assert [] == await outcomes_of_session(settings, topic, session(11))
    assert [] == await outcomes_of_event(settings, topic, "other", "e44")


async def _write(outcomes: OutcomeTopic, records: list[OutcomeRecord]) -> list[NotWritten | None]:
    return list(await outcomes.write(records))


def _waits(outcomes: OutcomeTopic) -> bool:
    """Whether something is on its way, and the client holds more behind it."""
    producer = outcomes._writer._shared.current
    assert producer is not None
    return _under_way(outcomes) > 0 and len(producer._message_accumulator._batches) > 0


def _under_way(outcomes: OutcomeTopic) -> int:
    """How many records are on their way to the broker."""
    producer = outcomes._writer._shared.current
    assert producer is not None
    return sum(batch.record_count for batch in producer._message_accumulator._pending_batches)


async def _truth(value: bool) -> bool:
    return value

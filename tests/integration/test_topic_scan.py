"""A topic read to its end by our own fetches, on a real Kafka."""

import asyncio
import time

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from consumer.kafka.connection import KafkaUnreachableError
from consumer.kafka.publisher import TopicMissingError
from consumer.kafka.topic_scan import Keep, read_to_end
from consumer.records import Record
from consumer.settings import KafkaSettings
from tests.integration.conftest import MakeTopics
from tests.kafka_broker.broker import Broker
from tests.kafka_broker.traffic import Outgoing, create_topics, publish, read_all
from tests.kafka_broker.under_test import KafkaUnderTest


async def scan(bootstrap: str, topic: str, **options: object) -> list[Record]:
    """All that it gives, by partition and offset."""
    kafka = KafkaSettings(bootstrap_servers=bootstrap)
    found = [each async for some in read_to_end(kafka, topic, **options) for each in some]  # type: ignore[arg-type]
    return sorted(found, key=lambda each: (each.partition, each.offset))


async def test_every_record_is_given_as_it_is(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """Of all partitions, whatever its size, headers whose names are no UTF-8 and nulls included."""
    made = await topics(partitions=3, config={"max.message.bytes": "4000000"})
    odd = "x\udcff"
    records = [Outgoing(b"v%d" % n * n, b"k%d" % n, ((odd, b"\xff"), ("h", None))) for n in range(300)]
    records += [Outgoing(b"large" * 600_000, partition=1), Outgoing(None, None)]
    await publish(kafka.bootstrap, made.source, records)

    assert await read_all(kafka.bootstrap, made.source) == await scan(kafka.bootstrap, made.source)


async def test_only_what_is_asked_for_is_given(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """Starts, partitions, the last ones, and what is wanted."""
    made = await topics(partitions=2)
    await publish(
        kafka.bootstrap, made.source, [Outgoing(b"%d" % n, b"k", partition=n % 2) for n in range(20)]
    )
    keep: Keep = lambda raw: raw.value in (b"3", b"4")  # noqa: E731

    def places(records: list[Record]) -> list[tuple[int, int]]:
        return [(each.partition, each.offset) for each in records]

    assert [(1, 8), (1, 9)] == places(
        await scan(kafka.bootstrap, made.source, partitions=frozenset({1}), starts={1: 8})
    )
    assert [(0, 9), (1, 9)] == places(await scan(kafka.bootstrap, made.source, last=1))
    assert 20 == len(await scan(kafka.bootstrap, made.source, last=100))
    assert [(0, 2), (1, 1)] == places(await scan(kafka.bootstrap, made.source, keep=keep))
    assert [] == await scan(kafka.bootstrap, made.replay)


async def test_what_retention_takes_away_is_passed_over(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """Also where a start lies before what is there."""
    made = await topics()
    await publish(kafka.bootstrap, made.source, [Outgoing(b"%d" % n) for n in range(10)])
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    for future in admin.delete_records([TopicPartition(made.source, 0, 6)]).values():
        await asyncio.to_thread(future.result, 20)

    assert [6, 7, 8, 9] == [each.offset for each in await scan(kafka.bootstrap, made.source, starts={0: 2})]


async def test_a_missing_topic_is_told_and_not_made(kafka: KafkaUnderTest) -> None:
    """Twice the same."""
    for _ in range(2):
        with pytest.raises(TopicMissingError):
            await scan(kafka.bootstrap, "nobody-made-this")


async def test_a_broker_that_falls_silent_is_told(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Within the bound, where it froze amid the reading."""
    with Broker(tmp_path_factory.mktemp("silent") / "broker") as broker:
        await create_topics(broker.bootstrap, "t")
        await publish(broker.bootstrap, "t", [Outgoing(b"x" * 900_000) for _ in range(12)])
        frozen_at: list[float] = []

        def freeze(_: object) -> bool:
            if not frozen_at:
                broker.freeze()
                frozen_at.append(time.monotonic())
            return True

        with pytest.raises(KafkaUnreachableError):
            await scan(broker.bootstrap, "t", keep=freeze, within_seconds=2.0)
        assert time.monotonic() - frozen_at[0] < 6
        broker.thaw()

"""The outcomes topic on a real Kafka: written, read to its end, followed, through outages and past junk."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from consumer.delivery.ledger import Ledger
from consumer.delivery.outcome import (
    Applied,
    EventReference,
    Origin,
    Outcome,
    OutcomeRecord,
    tombstone,
    written_again,
)
from consumer.delivery.ports import NotWritten
from consumer.events.model import SessionKey
from consumer.kafka.outcome_lookup import outcomes_of_event, outcomes_of_session
from consumer.kafka.outcome_reader import OutcomeReader
from consumer.kafka.outcomes import OutcomeTopic
from consumer.kafka.producer import SharedProducer
from consumer.settings import KafkaSettings
from tests.conftest import OwnBroker
from tests.integration.conftest import MakeTopics
from tests.integration.scene import until
from tests.kafka_broker.traffic import Outgoing, create_topics, publish, read_all
from tests.kafka_broker.under_test import KafkaUnderTest

DAY = 86_400
TOPIC = "outcomes"


def session(number: int) -> SessionKey:
    """One of many."""
    return SessionKey("1", "2", "3", str(number))


def applied(time_us: int) -> Applied:
    """An applied event, known by its time."""
    return Applied(EventReference(f"e{time_us}", "lms", time_us, None), Origin("source", 0, time_us), time_us)


def record(of: SessionKey, last: Applied | None, about: int = 0) -> OutcomeRecord:
    """An outcome of some event of this session."""
    event = EventReference(f"e{about}", "lms", about, None)
    return Outcome(of, event, Origin("source", 0, about), "stale", 1.0, last).record()


def new_ledger() -> Ledger:
    """By time alone."""
    return Ledger(lambda one, other: one.event.time_us > other.event.time_us)


@asynccontextmanager
async def writer(bootstrap: str, topic: str) -> AsyncIterator[OutcomeTopic]:
    """A topic to write to."""
    producer = SharedProducer(KafkaSettings(bootstrap_servers=bootstrap))
    try:
        yield OutcomeTopic(producer, topic)
    finally:
        await producer.close()


@asynccontextmanager
async def reader(
    bootstrap: str, topic: str, ledger: Ledger, report: Callable[[str | None], None] = lambda _: None
) -> AsyncIterator[OutcomeReader]:
    """A reader that reads."""
    kafka = KafkaSettings(bootstrap_servers=bootstrap)
    reading = OutcomeReader(kafka, topic, ledger, ledger_seconds=400 * DAY, report=report)
    task = asyncio.create_task(reading.run())
    try:
        yield reading
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_what_was_written_is_read_by_a_new_owner(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """All partitions to the end; of a key's many records, the newest applied."""
    topic = (await topics(partitions=4)).outcomes
    records = [record(session(number % 300), applied(number)) for number in range(3_000)]
    ledger = new_ledger()

    async with writer(kafka.bootstrap, topic) as outcomes:
        results = await outcomes.write(records)
    async with reader(kafka.bootstrap, topic, ledger) as reading:
        assert await reading.at_end(20)
        assert reading.caught_up()

    assert [None] * 3_000 == list(results)
    assert [applied(2_700 + number) for number in range(300)] == [ledger.get(session(n)) for n in range(300)]
    assert 300 == len(ledger)
    assert (3_000, 0) == (reading.records, reading.foreign)
    assert [] == ledger.to_rewrite()


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


async def test_a_key_that_ends_on_less_than_its_newest_is_written_again(
    kafka: KafkaUnderTest, topics: MakeTopics
) -> None:
    """A former owner's late record is the key's last; the next owner writes over it, and that is that."""
    topic = (await topics(partitions=2)).outcomes
    ledger = new_ledger()
    async with writer(kafka.bootstrap, topic) as outcomes:
        await outcomes.write([record(session(1), applied(5)), record(session(2), applied(6))])
        await outcomes.write([record(session(1), applied(4)), record(session(2), applied(6))])
        async with reader(kafka.bootstrap, topic, ledger) as reading:
            assert await reading.at_end(20)
            behind = ledger.to_rewrite()
            await outcomes.write([written_again(*each).record() for each in behind])
            assert await reading.at_end(20)

    assert [(session(1), applied(5))] == behind
    assert [] == ledger.to_rewrite()
    last = {each.key: json.loads(each.value or b"") for each in await read_all(kafka.bootstrap, topic)}
    assert "e5" == last[str(session(1)).encode()]["applied"]["id"]


async def test_a_compacted_topic_is_read_to_its_end(own_broker: OwnBroker) -> None:
    """Where the broker has taken records away the offsets have gaps; of each key the newest is left."""
    broker = own_broker(**{"log.cleaner.backoff.ms": "100", "log.segment.delete.delay.ms": "100"})
    soon = {"cleanup.policy": "compact", "segment.ms": "50", "min.cleanable.dirty.ratio": "0.01"}
    await create_topics(broker.bootstrap, TOPIC, config=soon)
    ledger, written = new_ledger(), 0

    async def compacted() -> bool:
        nonlocal written
        written += 1
        await outcomes.write([record(session(number), applied(written)) for number in range(50)])
        return len(await read_all(broker.bootstrap, TOPIC)) < 50 * written

    async with writer(broker.bootstrap, TOPIC) as outcomes:
        await until(compacted, 60)
    async with reader(broker.bootstrap, TOPIC, ledger) as reading:
        assert await reading.at_end(20)

    assert reading.records < 50 * written
    assert {applied(written)} == {ledger.get(session(number)) for number in range(50)}
    assert (50, []) == (len(ledger), ledger.to_rewrite())


async def test_a_standby_follows_the_tail_and_reads_nothing_twice(
    kafka: KafkaUnderTest, topics: MakeTopics
) -> None:
    """`at_end` means all that is there when it is asked; a reader that rests goes on where it was."""
    topic = (await topics(partitions=2)).outcomes
    ledger = new_ledger()
    async with writer(kafka.bootstrap, topic) as outcomes, reader(kafka.bootstrap, topic, ledger) as reading:
        assert await reading.at_end(20)
        assert 0 == reading.records
        await outcomes.write([record(session(number), applied(1)) for number in range(100)])
        assert await reading.at_end(20)
        assert (100, applied(1)) == (reading.records, ledger.get(session(99)))

        reading.rest()
        await outcomes.write([record(session(number), applied(2)) for number in range(100)])
        assert await reading.at_end(20)

    assert (200, applied(2)) == (reading.records, ledger.get(session(99)))


async def test_junk_in_the_topic_stops_nothing(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """Foreign keys and values are counted; the states of dead letters are none of ours; tombstones forget."""
    topic = (await topics(partitions=1)).outcomes
    good, gone = record(session(1), applied(1)), record(session(2), applied(1))
    key = good.key
    junk = [
        Outgoing(b"x", b"\xff\xfe"),
        Outgoing(None, b"1/2/3"),
        Outgoing(b"", key),
        Outgoing(b"\xff", key),
        Outgoing(b'{"schema":2}', key),
        Outgoing(b'{"schema":1,"x":1,"applied":' + b"[" * 50_000, key),
        Outgoing(b'{"schema":1,"x":1,"applied":{"id":"\\ud800"}}', key),
    ]
    states = [Outgoing(b"{}", b"dead-letter/source:0:1"), Outgoing(None, b"dead-letter/source:0:1")]
    old = Outgoing(gone.value, gone.key, timestamp_ms=1_000)
    await publish(
        kafka.bootstrap,
        topic,
        [old, *junk, *states, Outgoing(tombstone(session(2)).value, gone.key), Outgoing(good.value, key)],
    )
    ledger = new_ledger()

    async with reader(kafka.bootstrap, topic, ledger) as reading:
        assert await reading.at_end(20)

    assert len(junk) == reading.foreign
    assert (1, applied(1), None) == (len(ledger), ledger.get(session(1)), ledger.get(session(2)))


async def test_a_reader_outlives_its_broker(own_broker: OwnBroker) -> None:
    """Killed and back: it reads on where it was, and says meanwhile what is wrong.

    One that is silent can't be asked for the end, so nobody is told that it is reached.
    """
    broker = own_broker()
    await create_topics(broker.bootstrap, TOPIC, partitions=2)
    ledger, told = new_ledger(), list[str | None]()
    async with reader(broker.bootstrap, TOPIC, ledger, told.append) as reading:
        async with writer(broker.bootstrap, TOPIC) as outcomes:
            await outcomes.write([record(session(number), applied(1)) for number in range(50)])
        assert await reading.at_end(20)
        assert 50 == len(await read_all(broker.bootstrap, TOPIC)) == reading.records
        broker.freeze()
        assert not await reading.at_end(1)
        broker.thaw()
        assert await reading.at_end(20)

        await asyncio.to_thread(broker.kill)
        assert not await reading.at_end(1)
        await until(lambda: _truth(not reading.caught_up()), 30)
        assert "outcomes topic outcomes" in str(told[-1])

        await asyncio.to_thread(broker.start)
        async with writer(broker.bootstrap, TOPIC) as outcomes:
            await outcomes.write([record(session(number), applied(2)) for number in range(50)])
        assert await reading.at_end(60)

    assert (100, applied(2)) == (reading.records, ledger.get(session(49)))
    assert told[-1] is None


async def test_a_topic_that_is_missing_is_told_and_read_once_it_is_there(own_broker: OwnBroker) -> None:
    """Nothing is made by asking for it, also where the broker makes what it is asked for."""
    broker = own_broker(**{"auto.create.topics.enable": "true"})
    ledger, told = new_ledger(), list[str | None]()
    async with reader(broker.bootstrap, TOPIC, ledger, told.append) as reading:
        await until(lambda: _truth(bool(told)), 20)
        assert not await reading.at_end(1)
        await create_topics(broker.bootstrap, TOPIC)
        assert await reading.at_end(30)

    assert told[0] is not None
    assert "does not exist" in told[0]
    assert told[-1] is None


async def test_a_reader_takes_in_partitions_that_are_added(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """Keys move to them, so an owner that didn't read them would send older events."""
    topic = (await topics(partitions=1)).outcomes
    ledger = new_ledger()
    async with reader(kafka.bootstrap, topic, ledger) as reading:
        assert await reading.at_end(20)
        admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
        for future in admin.create_partitions([NewPartitions(topic, 3)]).values():
            future.result(10)
        async with writer(kafka.bootstrap, topic) as outcomes:
            await outcomes.write([record(session(number), applied(1)) for number in range(30)])
        assert await reading.at_end(20)

    assert 30 == len(ledger)
    assert 30 == reading.records


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

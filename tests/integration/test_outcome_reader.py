"""The outcomes topic, read on a real Kafka: to its end, followed, through outages and past junk."""

import asyncio
import json

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from consumer.delivery.dead_letter_state import StateChange
from consumer.delivery.outcome import OutcomeRecord, tombstone, written_again
from schemas.outcome import DeadLetterStateName
from tests.conftest import OwnBroker
from tests.integration.conftest import MakeTopics
from tests.integration.outcomes_scene import TOPIC, applied, new_ledger, reader, record, session, writer
from tests.integration.scene import until
from tests.kafka_broker.traffic import Outgoing, create_topics, publish, read_all
from tests.kafka_broker.under_test import KafkaUnderTest


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
    """Foreign keys, values and states are counted; tombstones forget, and one of a state is fine."""
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
        Outgoing(b"{}", b"dead-letter/source:0:1"),
    ]
    no_state = Outgoing(None, b"dead-letter/source:0:1")
    old = Outgoing(gone.value, gone.key, timestamp_ms=1_000)
    await publish(
        kafka.bootstrap,
        topic,
        [old, *junk, no_state, Outgoing(tombstone(session(2)).value, gone.key), Outgoing(good.value, key)],
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


async def test_the_replays_that_came_to_an_end_are_known_to_a_new_owner(
    kafka: KafkaUnderTest, topics: MakeTopics
) -> None:
    """By their dead letters' states; junk among these is passed over."""
    topic = (await topics(partitions=2)).outcomes
    states: tuple[DeadLetterStateName, ...] = ("replaying", "applied", "open")
    changes = [StateChange(f"t:0:{n}", state, 2, "r", "ann", "why", 1.0) for n, state in enumerate(states)]
    junk = OutcomeRecord(b"dead-letter/t:0:9", b'{"schema":1,"state":"applied"}')
    async with writer(kafka.bootstrap, topic) as outcomes:
        await outcomes.write([*(change.record() for change in changes), junk])
    async with reader(kafka.bootstrap, topic, new_ledger()) as reading:
        assert await reading.at_end(20)

        assert [False, True, True] == [reading.ended_replays.has(f"t:0:{n}", 2) for n in range(3)]
        assert (4, 1) == (reading.records, reading.foreign)


async def _truth(value: bool) -> bool:
    return value

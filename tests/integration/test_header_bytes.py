"""Every byte of a record survives reading and writing, header names that aiokafka refuses included."""

import struct
from dataclasses import replace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, codec
from aiokafka import TopicPartition as KafkaTopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException, for_code
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record import MemoryRecords
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

from consumer.delivery.dead_letter import DeadLetter
from consumer.kafka.dead_letters import DeadLetterTopic
from consumer.kafka.lenient_headers import AnyNameRecords
from consumer.kafka.poll_bound import BoundedRecords, BoundedResult, bound_polls
from consumer.kafka.producer import SharedProducer
from consumer.records import Headers, Record
from consumer.settings import KafkaSettings
from tests.integration.conftest import MakeTopics
from tests.kafka_broker.traffic import MAX_BYTES, Outgoing, publish, read_all
from tests.kafka_broker.under_test import KafkaUnderTest

ODD_NAME = b"na\xff\xfeme"
STAND_IN = "na??me"  # as many bytes, and ones that occur nowhere else
BATCH_HEADER_BYTES = 61  # of message format 2
AS_TEXT = ODD_NAME.decode("utf-8", "surrogateescape")


async def test_aiokafka_alone_gets_stuck_at_such_a_name(
    kafka: KafkaUnderTest, topics: MakeTopics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What all this is for: without it `getmany` fails at that record, and fails again."""
    monkeypatch.setattr(fetcher, "MemoryRecords", MemoryRecords)
    monkeypatch.setattr(fetcher, "PartitionRecords", BoundedRecords.__base__)
    monkeypatch.setattr(fetcher, "FetchResult", BoundedResult.__base__)
    source = (await topics()).source
    await _produce_raw(kafka, source, _batch_with_odd_name(records=3, odd=1))
    consumer = await _reader(kafka, source)

    failures = 0
    for _ in range(3):
        try:
            await consumer.getmany(timeout_ms=1000)
        except (UnicodeDecodeError, CorruptRecordException):
            failures += 1
        consumer.seek(KafkaTopicPartition(source, 0), 1)
    await consumer.stop()

    assert failures == 3


@pytest.mark.parametrize("compression", [0, 1, 2, 3, 4], ids=["plain", "gzip", "snappy", "lz4", "zstd"])
async def test_such_a_name_is_read_and_every_other_record_too(
    kafka: KafkaUnderTest, topics: MakeTopics, compression: int
) -> None:
    """Each record of the batch comes once and in order, the odd name with its bytes as surrogates."""
    source = (await topics()).source
    await _produce_raw(kafka, source, _batch_with_odd_name(records=5, odd=2, compression=compression))
    await publish(kafka.bootstrap, source, [Outgoing(b"after")])

    records = await read_all(kafka.bootstrap, source)

    assert [record.value for record in records] == [b"0", b"1", b"2", b"3", b"4", b"after"]
    assert [record.offset for record in records] == [0, 1, 2, 3, 4, 5]
    assert records[2] == Record(source, 0, 2, 1_764_000_000_002, b"key", b"2", (("b", None), (AS_TEXT, b"x")))
    assert records[1] == Record(source, 0, 1, 1_764_000_000_001, b"key", b"1", (("b", None), ("a", b"x")))


async def test_reading_can_start_and_pause_in_the_middle_of_such_a_batch(
    kafka: KafkaUnderTest, topics: MakeTopics
) -> None:
    """From any offset and with any number of records at a time, none is missing and none comes twice."""
    source = (await topics()).source
    await _produce_raw(kafka, source, _batch_with_odd_name(records=7, odd=4))
    consumer = await _reader(kafka, source)
    consumer.seek(KafkaTopicPartition(source, 0), 2)

    offsets: list[int] = []
    while len(offsets) < 5:
        for batch in (await consumer.getmany(timeout_ms=1000, max_records=2)).values():
            offsets += [record.offset for record in batch]
    await consumer.stop()

    assert offsets == [2, 3, 4, 5, 6]


async def test_such_a_name_is_written_byte_for_byte(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """A record read and written again is the same bytes in the broker's log (as a dead letter must be)."""
    made = await topics()
    await _produce_raw(kafka, made.source, _batch_with_odd_name(records=3, odd=1))
    records = await read_all(kafka.bootstrap, made.source)

    await _dead_letter(kafka, made.dead_letters, records)

    original = _record_bodies(await _fetch_raw(kafka, made.source))
    assert ODD_NAME in original[1]
    assert _record_bodies(await _fetch_raw(kafka, made.dead_letters)) == original


async def test_such_records_keep_their_place_among_others(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """A dead letter that travels in a batch of its own neither overtakes nor is overtaken."""
    topic = (await topics()).dead_letters
    headers: tuple[Headers, ...] = ((("plain", b""),), ((AS_TEXT, b""),))
    values = [(b"%d" % i) * (200_000 if i % 10 == 0 else 1) for i in range(30)]
    records = [Record("t", 0, i, 0, b"k", value, headers[i % 3 == 0]) for i, value in enumerate(values)]

    await _dead_letter(kafka, topic, records)

    read = await read_all(kafka.bootstrap, topic)
    assert values == [record.value for record in read]
    assert [record.headers for record in records] == [record.headers for record in read]


@pytest.mark.parametrize(
    "record",
    [
        Outgoing(b"value", headers=(("null", None), ("empty", b""), ("", b"no name"), ("", None))),
        Outgoing(b"value", headers=tuple((f"name-{i}", b"%d" % i) for i in range(1_000))),
        Outgoing(b"value", headers=(("twice", b"1"), ("other", b"2"), ("twice", b"1"), ("twice", b"3"))),
        Outgoing(b"value", headers=(("ünïcode ✓", "ü".encode()), ("nul\x00", b"\x00\xff"))),
        Outgoing(b"value", headers=((AS_TEXT, b"1"), (AS_TEXT, None), ("", b""), ("ü", b"2"))),
        Outgoing(b"value", headers=tuple((f"{AS_TEXT}{i}", b"x") for i in range(1_000))),
        Outgoing(None, key=None),
        Outgoing(b"", key=b""),
        Outgoing(None, key=b""),
        Outgoing(b"", key=None),
        Outgoing(b"\x00\xff" * 5, key=b"\xff\x00"),
        Outgoing(b"value", timestamp_ms=0),
        Outgoing(None, key=b"k", timestamp_ms=1, headers=((AS_TEXT, b""),)),
        Outgoing(b"x" * 700_000, headers=((AS_TEXT, b"y" * 100_000),)),
    ],
    ids=[
        *("null, empty and nameless", "1,000 headers", "twice the same", "not ASCII"),
        *("odd beside others", "1,000 odd ones"),
        *("all null", "all empty", "null value", "null key", "any bytes"),
        *("oldest time", "odd with null value", "odd and large"),
    ],
)
async def test_a_record_survives_reading_and_writing(
    kafka: KafkaUnderTest, topics: MakeTopics, record: Outgoing
) -> None:
    """Null is not empty, order and duplicates stay; a dead letter has a time of its own."""
    made = await topics()
    sent = replace(record, partition=0, timestamp_ms=record.timestamp_ms or 1)
    await publish(kafka.bootstrap, made.source, [sent])
    [read] = await read_all(kafka.bootstrap, made.source)

    await _dead_letter(kafka, made.dead_letters, [read])

    [again] = await read_all(kafka.bootstrap, made.dead_letters)
    assert read == Record(made.source, 0, 0, sent.timestamp_ms or 1, sent.key, sent.value, sent.headers)
    assert replace(read, topic=made.dead_letters, timestamp_ms=again.timestamp_ms) == again


@pytest.mark.parametrize("damage", ["name runs over the end", "last value cut off", "half a record"])
def test_a_batch_that_is_really_corrupt_is_still_refused(damage: str) -> None:
    """The lenient parser is lenient with names only: lengths that don't agree are an error."""
    raw = _batch_with_odd_name(records=1, odd=0)
    name_at = raw.index(ODD_NAME)
    broken = {
        "name runs over the end": raw[: name_at - 1] + b"\x7e" + raw[name_at:],
        "last value cut off": _sealed(raw[:-1]),
        "half a record": _sealed(raw[: name_at + len(ODD_NAME)]),
    }
    batch = AnyNameRecords(broken[damage]).next_batch()

    assert batch is not None
    with pytest.raises(CorruptRecordException):
        list(batch)


@pytest.mark.parametrize("name", ["MemoryRecords", "PartitionRecords", "FetchResult"])
def test_another_aiokafka_is_noticed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Where a name to be replaced is gone, the start fails instead of the first odd record."""
    monkeypatch.delattr(fetcher, name)

    with pytest.raises(RuntimeError, match="another way"):
        bound_polls()


def _batch_with_odd_name(*, records: int, odd: int, compression: int = 0) -> bytes:
    """A record batch as a client makes it that does not check names: aiokafka's, with the name patched.

    Record `odd` has the header ODD_NAME. Compressed here, because a patch needs the plain bytes.
    """
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, MAX_BYTES)
    for i in range(records):
        headers: list[tuple[str, bytes | None]] = [("b", None), (STAND_IN if i == odd else "a", b"x")]
        builder.append(i, timestamp=1_764_000_000_000 + i, key=b"key", value=b"%d" % i, headers=headers)
    batch = bytes(builder.build()).replace(STAND_IN.encode(), ODD_NAME)
    return _sealed(batch, compression)


def _sealed(batch: bytes, compression: int = 0) -> bytes:
    """The batch with its records compressed and its length, attributes and checksum right."""
    encode = [bytes, codec.gzip_encode, codec.snappy_encode, codec.lz4_encode, codec.zstd_encode][compression]
    header = bytearray(batch[:BATCH_HEADER_BYTES])
    body = encode(batch[BATCH_HEADER_BYTES:])
    struct.pack_into(">i", header, 8, len(header) + len(body) - 12)
    struct.pack_into(">h", header, 21, compression)
    sealed = bytes(header) + bytes(body)
    return sealed[:17] + struct.pack(">I", calc_crc32c(sealed[21:])) + sealed[21:]


async def _produce_raw(kafka: KafkaUnderTest, topic: str, batch: bytes) -> None:
    request = ProduceRequest(
        transactional_id=None, required_acks=-1, timeout=10_000, topics=[(topic, [(0, batch)])]
    )
    answer = await _ask(kafka, request)
    error_code = answer.topics[0][1][0][1]
    assert error_code == 0, for_code(error_code)


async def _fetch_raw(kafka: KafkaUnderTest, topic: str) -> bytes:
    request = FetchRequest(
        max_wait_time=1000,
        min_bytes=1,
        max_bytes=MAX_BYTES,
        isolation_level=0,
        topics=[(topic, [(0, 0, MAX_BYTES)])],
        rack_id="",
    )
    answer = await _ask(kafka, request)
    records: bytes = answer.topics[0][1][0][-1]
    return records


async def _ask(kafka: KafkaUnderTest, request: Any) -> Any:
    client = AIOKafkaClient(bootstrap_servers=kafka.bootstrap)
    await client.bootstrap()
    try:
        return await client.send(client.get_random_node(), request)
    finally:
        await client.close()


def _record_bodies(raw: bytes) -> list[bytes]:
    """Of each record in uncompressed batches, the bytes from the key on: nothing depends on its place."""
    bodies: list[bytes] = []
    while raw:
        batch_end = 12 + struct.unpack_from(">i", raw, 8)[0]
        position = BATCH_HEADER_BYTES
        while position < batch_end:
            length, position = _varint(raw, position)
            end = position + length
            _, after_time = _varint(raw, position + 1)
            _, key_at = _varint(raw, after_time)
            bodies.append(raw[key_at:end])
            position = end
        raw = raw[batch_end:]
    return bodies


def _varint(raw: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while raw[position] & 0x80:
        value |= (raw[position] & 0x7F) << shift
        position, shift = position + 1, shift + 7
    value |= raw[position] << shift
    return (value >> 1) ^ -(value & 1), position + 1


async def _dead_letter(kafka: KafkaUnderTest, topic: str, records: list[Record]) -> None:
    """Write them to partition 0, with no headers but their own."""
    letters = [DeadLetter(str(one.offset), 0, one.key, one.value, one.headers) for one in records]
    producer = SharedProducer(KafkaSettings(bootstrap_servers=kafka.bootstrap))
    try:
        assert [None] * len(letters) == await DeadLetterTopic(producer, topic).write(letters)
    finally:
        await producer.close()


async def _reader(kafka: KafkaUnderTest, topic: str) -> AIOKafkaConsumer:
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap, enable_auto_commit=False)
    await consumer.start()
    consumer.assign([KafkaTopicPartition(topic, 0)])
    consumer.seek(KafkaTopicPartition(topic, 0), 0)
    return consumer

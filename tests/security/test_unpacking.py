"""What a compressed batch unpacks to: claims of docs/security.md."""

import asyncio
import gzip
import os
import subprocess
import time
import tracemalloc

import pytest
from aiokafka import codec
from aiokafka.errors import CorruptRecordException
from aiokafka.record._crecords import default_records
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import encode_varint
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.emulator.options import EmulatorOptions, Limits
from consumer.emulator.server import Emulator
from consumer.kafka.unpacking import MAX_UNPACKED_BYTES, BatchTooLargeError, bound_unpacking
from tests.integration.conftest import MakeConsumer, MakeTopics
from tests.integration.dlq_scene import settings as settings_of_dlq
from tests.integration.scene import changes, finished, reaches
from tests.kafka_broker.traffic import publish
from tests.kafka_broker.under_test import KafkaUnderTest
from tests.process import RUN, settings_for
from tests.security.packed import POD_BYTES, highest_memory_bytes, publish_bombs, run_and_measure

CODECS = ("gzip", "snappy", "lz4", "zstd")
bound_unpacking()


@settings(deadline=None)
@given(raw=st.binary(max_size=300), times=st.integers(1, 2_000))
def test_what_aiokafka_packs_is_unpacked_as_it_would(raw: bytes, times: int) -> None:
    """Of all four codecs, also beyond the first buffer; gzip in several members, snappy without frames."""
    content = raw * times
    for name in CODECS:
        packed = getattr(codec, f"{name}_encode")(content)
        assert content == getattr(default_records, f"{name}_decode")(memoryview(packed))
    members = gzip.compress(content) + gzip.compress(raw)
    assert content + raw == default_records.gzip_decode(members)
    assert content == default_records.snappy_decode(codec.snappy_encode(content, xerial_compatible=False))


@pytest.mark.claim("S-10")
@pytest.mark.parametrize("name", CODECS)
def test_the_bound_itself_is_unpacked_and_a_byte_more_is_not(name: str) -> None:
    """And a gigabyte is not begun: memory stays below the bound and what is copied of it."""
    pack, unpack = getattr(codec, f"{name}_encode"), getattr(default_records, f"{name}_decode")
    assert bytes(MAX_UNPACKED_BYTES) == unpack(pack(bytes(MAX_UNPACKED_BYTES)))
    bomb = pack(bytes(512 * 1_048_576))
    tracemalloc.start()
    for packed in (pack(bytes(MAX_UNPACKED_BYTES + 1)), bomb):
        with pytest.raises(BatchTooLargeError):
            unpack(packed)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert most < 3 * MAX_UNPACKED_BYTES


def batch(records: bytes, count: int) -> bytes:
    """A batch of these, packed with zstd, as a broker has it."""
    made = _DefaultRecordBatchBuilderPy(
        magic=2,
        compression_type=_DefaultRecordBatchBuilderPy.CODEC_ZSTD,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=0,
        batch_size=0,
    )
    made._buffer += records
    made._num_records, made._first_timestamp, made._max_timestamp = count, 0, 0
    return bytes(made.build())


def record_of(headers: int, value: bytes = b"") -> bytes:
    """A record with so many headers that have neither a name nor a value: two bytes each."""
    body = bytearray(b"\0\0\0\1")
    encode_varint(len(value), body.append)
    body += value
    encode_varint(headers, body.append)
    body += bytes(2 * headers)
    found = bytearray()
    encode_varint(len(body), found.append)
    return bytes(found + body)


MILLIONS = {"headers": (record_of(8_000_000), 1), "records": (record_of(0) * 4_000_000, 4_000_000)}


@pytest.mark.claim("S-11")
@pytest.mark.parametrize("kind", MILLIONS)
def test_a_batch_of_millions_of_headers_or_records_is_not_taken_apart(kind: str) -> None:
    """A few kilobytes as the broker counts them: they cost a moment, and no memory to speak of."""
    records, count = MILLIONS[kind]
    packed = batch(records, count)
    assert len(packed) < 10_000
    began = time.process_time()
    tracemalloc.start()
    with pytest.raises(BatchTooLargeError):
        list(MemoryRecords(packed).next_batch())
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert time.process_time() - began < 3
    assert most < 3 * MAX_UNPACKED_BYTES


def test_a_large_batch_of_ordinary_records_is_read() -> None:
    """Beyond the size from which records are counted, with headers by the hundred thousand together."""
    packed = batch(record_of(12, b"x" * 500) * 50_000, 50_000)

    read = list(MemoryRecords(packed).next_batch())

    assert 50_000 == len(read)
    assert {12} == {len(each.headers) for each in read}


def test_many_members_of_gzip_cost_no_more_than_one() -> None:
    """2 MB of them: each was unpacked from a copy of all that follow it."""
    members = gzip.compress(b"x", 1) * 90_000
    began = time.process_time()

    assert b"x" * 90_000 == default_records.gzip_decode(members)
    assert time.process_time() - began < 1


@pytest.mark.claim("S-10")
@pytest.mark.parametrize("name", CODECS)
@settings(max_examples=25, deadline=None)
@given(junk=st.binary(max_size=40), cut=st.integers(0, 60))
def test_what_is_no_packed_batch_is_an_error_of_kafkas(name: str, junk: bytes, cut: int) -> None:
    """Never one that nobody expects."""
    whole = getattr(codec, f"{name}_encode")(b"content" * 9)
    for packed in (junk, whole[:cut] + junk, b"\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01" + junk):
        try:
            getattr(default_records, f"{name}_decode")(packed)
        except (BatchTooLargeError, CorruptRecordException):
            continue


@pytest.mark.claim("S-10")
async def test_a_batch_that_unpacks_to_gigabytes_stops_its_account_and_not_the_process(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """It waits, says why, and the memory of a small pod is enough; nothing is skipped."""
    made = await topics()
    await publish(kafka.bootstrap, made.source, changes(3, 3))
    await asyncio.to_thread(publish_bombs, kafka.bootstrap, made.source, 1, 400_000_000)
    async with (
        Emulator(EmulatorOptions(limits=Limits(30, 1.0, 2.0))) as zoho,
        consumer_process(settings_for(kafka, made, zoho.url, quota_window_seconds=1)) as process,
    ):
        account = await reaches(process, "kafka_down")
        began = time.monotonic()
        while time.monotonic() < began + 6:  # longer than a failed partition's pauses
            now = await process.account()
            assert (account["state"], account["reason"]) == (now["state"], now["reason"])
            await asyncio.sleep(0.2)
        used = highest_memory_bytes(process.pid)
        assert await process.terminate() == 0

    assert "can't be read from offset 3 on: BatchTooLargeError" in account["reason"]
    assert "32 MiB" in account["reason"]
    assert used < 256 * 1_048_576


@pytest.mark.claim("S-10")
async def test_a_command_says_so_too(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """Exit code 3 and a sentence, not a process that is killed."""
    made = await topics()
    await asyncio.to_thread(publish_bombs, kafka.bootstrap, made.dead_letters, 1, 400_000_000)

    command = [RUN[0], "dlq", "list"]
    env = {**os.environ, **settings_of_dlq(kafka, made)}
    done = await asyncio.to_thread(subprocess.run, command, env=env, capture_output=True, text=True)

    assert 3 == done.returncode
    assert "unpacks to more than 32 MiB" in done.stderr


LARGE = {
    "values": (12, 2, 20_000_000, 0),
    "values at the bound": (12, 2, 31_000_000, 0),
    "values in one partition": (1, 50, 20_000_000, 0),
    "headers": (12, 2, 1, 340_000),
}


@pytest.mark.claim("S-12")
# At the bound it takes some 300 of the pod's 320 MiB: too near for a test of every day.
@pytest.mark.parametrize(
    "kind", [pytest.param(each, marks=[pytest.mark.slow] if "bound" in each else []) for each in LARGE]
)
async def test_many_records_that_are_large_unpacked_are_taken_in_one_after_the_other(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer, kind: str
) -> None:
    """A kilobyte each, in one partition or in twelve: the pod is large enough, each has its dead letter."""
    partitions, count, size_bytes, headers = LARGE[kind]
    made = await topics(partitions=partitions, config={"max.message.bytes": "1000000"})
    await asyncio.to_thread(
        publish_bombs, kafka.bootstrap, made.source, count, size_bytes, headers=headers, partitions=partitions
    )
    async with (
        Emulator(EmulatorOptions(limits=Limits(30, 1.0, 2.0))) as zoho,
        consumer_process(settings_for(kafka, made, zoho.url, quota_window_seconds=1)) as process,
    ):
        await finished(process, count * partitions, 60)
        used = highest_memory_bytes(process.pid)
        assert await process.terminate() == 0

    assert used < POD_BYTES, used


@pytest.mark.claim("S-12")
@pytest.mark.parametrize("kind", ["values", "headers"])
async def test_a_command_takes_them_in_one_after_the_other_too(
    kafka: KafkaUnderTest, topics: MakeTopics, kind: str
) -> None:
    """What stands in the dead-letter topic, in several partitions, all of it in one answer of the broker."""
    partitions, count, size_bytes, headers = LARGE[kind]
    made = await topics(partitions=partitions)
    await asyncio.to_thread(
        publish_bombs,
        kafka.bootstrap,
        made.dead_letters,
        count,
        size_bytes,
        headers=headers,
        partitions=partitions,
    )
    env = {**os.environ, **settings_of_dlq(kafka, made)}

    code, used = await asyncio.to_thread(run_and_measure, [RUN[0], "dlq", "list"], env)

    assert code == 0
    assert used < POD_BYTES, used

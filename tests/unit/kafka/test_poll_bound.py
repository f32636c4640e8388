"""How much one poll gives out, and how much stays unpacked, whatever was fetched."""

import asyncio

from aiokafka import TopicPartition
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from consumer.kafka.lenient_headers import AnyNameRecords
from consumer.kafka.poll_bound import ENOUGH_BYTES, BoundedRecords, bound_polls
from consumer.kafka.unpacking import bound_unpacking
from consumer.records import Headers

bound_unpacking()
bound_polls()
LARGE = b"x" * 3_000_000
A_WHOLE_BATCH = 10


def _batch(records: int, value: bytes, headers: Headers = ()) -> bytes:
    """As a broker has it, packed with zstd."""
    made = _DefaultRecordBatchBuilderPy(
        magic=2,
        compression_type=_DefaultRecordBatchBuilderPy.CODEC_ZSTD,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=0,
        batch_size=1_000_000_000,
    )
    for offset in range(records):
        made.append(offset, timestamp=0, key=None, value=value, headers=list(headers))
    return bytes(made.build())


def _fetched(batch: bytes, from_offset: int = 0) -> BoundedRecords:
    """What aiokafka makes of a fetch answer."""
    return BoundedRecords(
        TopicPartition("t", 0), AnyNameRecords(batch), None, from_offset, None, None, True, 1
    )


async def _read_all(batch: bytes, records: int) -> list[list[int]]:
    """The offsets that each poll gives; each begins where the last one ended."""
    polls: list[list[int]] = []
    at = 0
    while at < records:
        fetched = _fetched(batch, at)
        polls.append([record.offset for record in fetched])
        at = fetched.next_fetch_offset
        await asyncio.sleep(0)
    return polls


async def test_a_poll_ends_with_the_record_that_is_enough_and_the_next_goes_on_there() -> None:
    """Each record once and in order, out of a batch that is larger than what a poll gives."""
    polls = await _read_all(_batch(A_WHOLE_BATCH, LARGE), A_WHOLE_BATCH)

    assert list(range(A_WHOLE_BATCH)) == [offset for poll in polls for offset in poll]
    assert {1 + ENOUGH_BYTES // len(LARGE)} == {len(poll) for poll in polls[:-1]}


async def test_headers_count_as_the_memory_that_they_take() -> None:
    """30,000 of three bytes are 4.5 MB: two such records are enough."""
    polls = await _read_all(_batch(5, b"", (("a", None),) * 30_000), 5)

    assert [[0, 1], [2, 3], [4]] == polls


async def test_what_other_partitions_of_the_poll_have_waits_for_the_next() -> None:
    """It isn't even unpacked."""
    polls = [_fetched(_batch(A_WHOLE_BATCH, LARGE)) for _ in range(30)]

    given = [[record.offset for record in fetched] for fetched in polls]

    assert [[0, 1, 2]] == [offsets for offsets in given if offsets]
    assert {0} == {fetched.unpacked_bytes for fetched in polls}
    await asyncio.sleep(0)
    assert [0, 1, 2] == [record.offset for record in _fetched(_batch(A_WHOLE_BATCH, LARGE))]


async def test_batches_that_nobody_reads_on_are_let_go_before_another_is_unpacked() -> None:
    """Thirty partitions gave a record each, and have no more room: one batch of 30 MB is held, not thirty."""
    standing = []
    for _ in range(30):
        standing.append(_fetched(_batch(A_WHOLE_BATCH, LARGE)))
        assert 0 == next(standing[-1]).offset
        await asyncio.sleep(0)

        assert (
            sum(each.unpacked_bytes for each in standing) <= ENOUGH_BYTES + len(LARGE) * A_WHOLE_BATCH * 1.01
        )
    assert [([], 1)] * 29 == [([*each], each.next_fetch_offset) for each in standing[:-1]]
    assert [1, 2, 3] == [record.offset for record in standing[-1]]


async def test_small_batches_stay_where_they_are() -> None:
    """Of thirty partitions of ordinary events none is fetched twice."""
    standing = [_fetched(_batch(100, b"x" * 500)) for _ in range(30)]
    for each in standing:
        next(each)
        await asyncio.sleep(0)

    assert {100} == {1 + len([*each]) for each in standing}


async def test_a_batch_that_was_read_to_its_end_counts_no_more() -> None:
    """Only what is held does."""
    read = _fetched(_batch(2, LARGE))

    assert [0, 1] == [record.offset for record in read]
    assert 0 == read.unpacked_bytes

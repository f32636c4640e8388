"""How much one poll gives out, and how much stays unpacked, whatever was fetched."""

import asyncio

from aiokafka import TopicPartition
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from consumer.kafka.lenient_headers import AnyNameRecords
from consumer.kafka.poll_bound import ENOUGH_BYTES, BoundedRecords, BoundedResult, bound_polls
from consumer.kafka.unpacking import bound_unpacking
from consumer.records import Headers

bound_unpacking()
bound_polls()
LARGE = b"x" * 3_000_000
A_WHOLE_BATCH = 10
READ_COMMITTED = 1


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


class Assignment:
    """What aiokafka keeps for all partitions of a client; of these, one position is looked at."""

    active, paused = True, False

    def __init__(self, position: int = 0) -> None:
        self.position = position

    def state_value(self, _partition: TopicPartition) -> "Assignment":
        """Of any partition."""
        return self

    def consumed_to(self, position: int) -> None:
        """It is asked for anew from here."""
        self.position = position


def _fetched(batch: bytes, client: Assignment) -> BoundedResult:
    """What aiokafka makes of a fetch answer."""
    partition = TopicPartition("t", 0)
    records = BoundedRecords(
        partition, AnyNameRecords(batch), None, client.position, None, None, True, READ_COMMITTED
    )
    return BoundedResult(partition, assignment=client, partition_records=records, backoff=0)


def _offsets(fetched: BoundedResult, max_records: int | None = None) -> list[int]:
    return [record.offset for record in fetched.getall(max_records)]


def _unpacked_bytes(fetched: BoundedResult) -> int:
    records = fetched._partition_records
    return 0 if records is None else records.unpacked_bytes


async def _read_all(batch: bytes, records: int) -> list[list[int]]:
    """The offsets that each poll gives; each begins where the last one ended."""
    polls: list[list[int]] = []
    client = Assignment()
    while client.position < records:
        polls.append(_offsets(_fetched(batch, client)))
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
    """It isn't even unpacked, and not fetched anew; the one that gave enough is, behind them."""
    client = _client_of_thirty()

    polls: list[list[int]] = []
    for _ in range(3):
        polls += [offsets for each in client if (offsets := _offsets(each))]
        assert 0 == sum(map(_unpacked_bytes, client))
        client = [each for each in client if each.has_more()]
        await asyncio.sleep(0)

    assert [[0, 1, 2]] * 3 == polls
    assert 27 == len(client)


async def test_another_client_has_a_poll_of_its_own() -> None:
    """In the same turn of the loop, too."""
    for _ in range(2):
        assert [0, 1, 2] == _offsets(_fetched(_batch(A_WHOLE_BATCH, LARGE), Assignment()))


async def test_batches_that_nobody_reads_on_are_let_go_before_another_is_unpacked() -> None:
    """Thirty partitions gave a record each, and have no more room: one batch of 30 MB is held, not thirty."""
    standing: list[BoundedResult] = []
    for _ in range(30):
        standing.append(_fetched(_batch(A_WHOLE_BATCH, LARGE), Assignment()))
        assert [0] == _offsets(standing[-1], 1)
        await asyncio.sleep(0)

        assert sum(map(_unpacked_bytes, standing)) <= ENOUGH_BYTES + len(LARGE) * A_WHOLE_BATCH * 1.01
    assert [([], 1)] * 29 == [(_offsets(each), each._assignment.position) for each in standing[:-1]]
    assert [1, 2, 3] == _offsets(standing[-1])


async def test_small_batches_stay_where_they_are() -> None:
    """Of thirty partitions of ordinary events none is fetched twice."""
    standing = [_fetched(_batch(100, b"x" * 500), Assignment()) for _ in range(30)]
    for each in standing:
        assert [0] == _offsets(each, 1)
        await asyncio.sleep(0)

    assert {99} == {len(_offsets(each)) for each in standing}


async def test_a_batch_that_was_read_to_its_end_counts_no_more() -> None:
    """Only what is held does."""
    read = _fetched(_batch(2, LARGE), Assignment())

    assert [0, 1] == _offsets(read)
    assert not read.has_more()


def _client_of_thirty() -> list[BoundedResult]:
    class Partitions(Assignment):
        def state_value(self, _partition: TopicPartition) -> Assignment:
            return Assignment()

    client = Partitions()
    return [_fetched(_batch(A_WHOLE_BATCH, LARGE), client) for _ in range(30)]

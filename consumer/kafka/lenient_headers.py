"""Header names that are not UTF-8: read and written byte for byte, where aiokafka 0.14 gives up.

Kafka calls header names strings and checks nothing: librdkafka, kcat and any hand-made client can send
other bytes. aiokafka then raises UnicodeDecodeError from `getmany` at that record, again and again: one
such record would stop its partition for good. And it refuses to write such a name, as well as a record
with neither key nor value.

Names are read with `surrogateescape`: odd bytes become lone surrogates, and the same bytes again when
written (see `consumer.records`). Records with ordinary names stay with aiokafka's C extension; only a
batch that it refuses is parsed here, and only a record that it can't write is encoded here.
"""

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import (
    _DefaultRecordBatchBuilderPy,
    _DefaultRecordBatchPy,
    _DefaultRecordPy,
)
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import decode_varint

from consumer.kafka import unpacking
from consumer.records import Headers

_GZIP = 31
_MAGIC_WITH_HEADERS = 2
_MAGIC_OFFSET = struct.calcsize(">qii")
_LENGTH = struct.Struct(">qi")


def read_any_header_name() -> None:
    """From now on every consumer of this process reads such records; to be called before the first starts.

    Calling it twice does no harm. It replaces one name in aiokafka's fetcher, because a batch is made
    deep inside it and nothing can be passed in; raises RuntimeError where an aiokafka without that name
    is installed, so that an update can't switch this off unnoticed.
    """
    if fetcher.__dict__.get("MemoryRecords") not in (MemoryRecords, AnyNameRecords):
        raise RuntimeError(
            "this aiokafka reads record batches in another way: see consumer.kafka.lenient_headers"
        )
    fetcher.MemoryRecords = AnyNameRecords


def lone_batch(
    producer: AIOKafkaProducer,
    *,
    key: bytes | None,
    value: bytes | None,
    headers: Headers,
    timestamp_ms: int | None = None,
    compressed: bool = False,
) -> BatchBuilder:
    """A batch for `producer.send_batch` that holds this record, any that Kafka holds, and takes no other.

    `compressed`: with gzip, when it is built, which is slow: 10 ms for a megabyte.
    """
    batch = producer.create_batch()
    builder = _Builder
    batch._builder = builder(
        magic=_MAGIC_WITH_HEADERS,
        compression_type=builder.CODEC_GZIP if compressed else builder.CODEC_NONE,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=0,
        batch_size=0,  # a first record is always taken, however large
    )
    named = [(_RawName(name), content) for name, content in headers]
    batch.append(timestamp=timestamp_ms, key=key, value=value, headers=named)
    batch.close()
    return batch


class AnyNameRecords:
    """aiokafka's MemoryRecords, the batches of one fetch answer, with batches that take any header name.

    `before_unpacking` is called with it before a batch of it is unpacked, when its records are asked for;
    `unpacked_bytes` is how large it is then, until its last record is taken.
    """

    __slots__ = ("_batches", "_buffer", "before_unpacking", "has_next", "size_in_bytes", "unpacked_bytes")

    def __init__(self, buffer: bytes) -> None:
        self._buffer = buffer
        self._batches = MemoryRecords(buffer)
        self.before_unpacking: Callable[[AnyNameRecords], None] = _nothing
        self.unpacked_bytes = 0
        self.size_in_bytes = self._batches.size_in_bytes
        self.has_next = self._batches.has_next

    def next_batch(self) -> "_AnyNameBatch | None":
        """The next batch, or None after the last."""
        batch = self._batches.next_batch()
        return None if batch is None else _AnyNameBatch(batch, self._buffer, self)


def _nothing(_records: AnyNameRecords) -> None:
    """Nothing to be done before unpacking."""


class _AnyNameBatch:
    """One of aiokafka's batches; on iteration it is parsed again, leniently, where aiokafka refuses it."""

    __slots__ = ("_batch", "_buffer", "_of")

    def __init__(self, batch: Any, buffer: bytes, of: AnyNameRecords) -> None:
        self._batch = batch
        self._buffer = buffer
        self._of = of

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        try:
            self._of.before_unpacking(self._of)
            before = unpacking.total_bytes()
            records = iter(self._batch)  # unpacks it
            self._of.unpacked_bytes = unpacking.total_bytes() - before
            yield from records
        except (UnicodeDecodeError, CorruptRecordException):  # by the C extension, and without it
            again = _batch_at(self._buffer, self._batch.base_offset)
            if again is None:
                raise
            # From the batch's start: whatever lies below the position is left out by the fetcher, as it
            # does when it has to start in the middle of a compressed batch.
            yield from again
        finally:
            self._of.unpacked_bytes = 0


class _LenientBatch(_DefaultRecordBatchPy):  # type: ignore[misc]  # final, for want of a seam
    """aiokafka's parser in Python, with a step of its own for a record. Still refuses what is corrupt."""

    _pos: int  # where the next record starts

    def _read_msg(self, decode_varint: Any = decode_varint) -> _DefaultRecordPy:
        buffer = self._buffer
        length, start = decode_varint(buffer, self._pos)
        timestamp_delta, pos = decode_varint(
            buffer, start + 1
        )  # after the attributes, of which there are none
        offset_delta, pos = decode_varint(buffer, pos)
        key, pos = _nullable_bytes(buffer, pos)
        value, pos = _nullable_bytes(buffer, pos)
        header_count, pos = decode_varint(buffer, pos)
        if header_count < 0:
            raise CorruptRecordException("a negative number of headers")
        headers: list[tuple[str, bytes | None]] = []
        for _ in range(header_count):
            name, pos = _nullable_bytes(buffer, pos)
            content, pos = _nullable_bytes(buffer, pos)
            if name is None:
                raise CorruptRecordException("a header without a name")
            headers.append((name.decode("utf-8", "surrogateescape"), content))
        if pos - start != length or pos > len(buffer):
            raise CorruptRecordException(f"a record of {length} bytes has {pos - start}")
        self._pos = pos
        append_time = self.timestamp_type == self.LOG_APPEND_TIME
        return _DefaultRecordPy(
            self.base_offset + offset_delta,
            self.max_timestamp if append_time else self.first_timestamp + timestamp_delta,
            self.timestamp_type,
            key,
            value,
            headers,
        )


class _Builder(_DefaultRecordBatchBuilderPy):  # type: ignore[misc]  # final, for want of a seam
    """aiokafka's, which makes two copies of a batch to compress it: of 30 MB, that may be too much."""

    def _maybe_compress(self) -> bool:
        if self._compression_type == self.CODEC_NONE:
            return False
        header_size, packer = self.HEADER_STRUCT.size, zlib.compressobj(wbits=_GZIP)
        with memoryview(self._buffer) as whole:
            packed = packer.compress(whole[header_size:]) + packer.flush()
        smaller: bool = len(packed) < len(self._buffer) - header_size
        if smaller:
            self._buffer[header_size:] = packed
        return smaller


class _RawName(str):
    """A header name that encodes to the bytes it was read from, whatever encoding is asked for."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:  # noqa: ARG002
        return str.encode(self, "utf-8", "surrogateescape")


def _batch_at(buffer: bytes, base_offset: int) -> _LenientBatch | None:
    """The batch that starts at an offset; None where it is of a format that has no headers."""
    position = 0
    while position + _MAGIC_OFFSET < len(buffer):
        found_offset, length = _LENGTH.unpack_from(buffer, position)
        end = position + _LENGTH.size + length
        if found_offset == base_offset:
            if buffer[position + _MAGIC_OFFSET] < _MAGIC_WITH_HEADERS:
                return None
            return _LenientBatch(memoryview(buffer)[position:end])
        position = end
    return None


def _nullable_bytes(buffer: bytearray, pos: int) -> tuple[bytes | None, int]:
    length, pos = decode_varint(buffer, pos)
    if length < 0:
        return None, pos
    return bytes(buffer[pos : pos + length]), pos + length

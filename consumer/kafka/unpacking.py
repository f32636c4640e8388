"""A bound on what a compressed batch unpacks to: aiokafka 0.14 has none.

A broker takes a batch by its packed size and never asks what it unpacks to: 30 kB of zstd make 900 MB, and
in passing the process needs four times that; 1 kB makes sixteen million headers of a record, each of them
objects of Python. Whoever may write to a topic could have every reader killed for want of memory, again and
again, since the batch stays where it is.
"""

import zlib
from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Final

import cramjam
from aiokafka.errors import CorruptRecordException, KafkaError
from aiokafka.record.util import decode_varint

# Thirty times what a broker takes packed, by default.
MAX_UNPACKED_BYTES: Final = 32 * 1024 * 1024
# A batch of 1 MiB that isn't compressed holds 150,000 at most, and an event takes 200 bytes at least.
MAX_RECORDS: Final = 200_000
# Of one record: it is taken apart at once, into 80 bytes for each. As many fit into 1 MiB uncompressed.
MAX_HEADERS: Final = 500_000

_MODULES: Final = ("aiokafka.record.default_records", "aiokafka.record._crecords.default_records")
# Their messages have no headers, and are taken apart one by one.
_LEGACY_MODULES: Final = ("aiokafka.record.legacy_records", "aiokafka.record._crecords.legacy_records")
# What could have come without being compressed is not counted.
_COUNTED_FROM_BYTES: Final = 1024 * 1024
# Most batches fit in the first buffer; a large one costs time to be made.
_FIRST_BUFFER_BYTES: Final = 65_536
_GROWTH: Final = 8
_GZIP: Final = 31
_PIECE_BYTES: Final = 4096
_XERIAL: Final = b"\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01"
_LENGTH_BYTES: Final = 4


Buffer = bytes | bytearray
Decoder = Callable[[bytes], Buffer]

_total = [0]


class BatchTooLargeError(KafkaError):  # type: ignore[misc]  # aiokafka has no types
    """A batch unpacks to more than the bounds above. It stays unread, and so does what follows it."""


def bound_unpacking() -> None:
    """From now on every consumer of this process keeps the bound; to be called before the first starts.

    Calling it twice does no harm. It replaces aiokafka's decoders by name, since nothing can be passed in;
    raises RuntimeError where an aiokafka without these names is installed.
    """
    modules = [import_module(name) for name in _MODULES]
    if not all(hasattr(module, name) for module in modules for name in _DECODERS):
        raise RuntimeError("this aiokafka unpacks batches in another way: see consumer.kafka.unpacking")
    for module in modules:
        _replace(module, {name: _counted(decode) for name, decode in _DECODERS.items()})
    for module in map(import_module, _LEGACY_MODULES):
        _replace(module, _DECODERS)


def total_bytes() -> int:
    """What was unpacked so far in this process."""
    return _total[0]


def _replace(module: ModuleType, decoders: Mapping[str, Decoder]) -> None:
    for name, decode in decoders.items():
        if hasattr(module, name):
            setattr(module, name, decode)


def _counted(decode: Decoder) -> Decoder:
    """The same, of batches of records: with a bound on their number, and on the headers of each."""

    def decode_counted(payload: bytes) -> Buffer:
        raw = decode(payload)
        _total[0] += len(raw)
        if len(raw) > _COUNTED_FROM_BYTES:
            _refuse_many(raw)
        return raw

    return decode_counted


def _refuse_many(raw: Buffer) -> None:
    """Walks over the records; what is broken is left to the parser."""
    place = records = 0
    try:
        while place < len(raw):
            length, start = decode_varint(raw, place)
            place = start + length
            records += 1
            if records > MAX_RECORDS:
                raise BatchTooLargeError(f"a batch has more than {MAX_RECORDS:,} records")
            if length > MAX_HEADERS and _count_headers(raw, start) > MAX_HEADERS:
                raise BatchTooLargeError(f"a record has more than {MAX_HEADERS:,} headers")
            if length <= 0:
                return
    except IndexError:
        return


def _count_headers(raw: Buffer, start: int) -> int:
    at = start + 1  # the attributes, of which there are none
    for _ in range(2):  # how much later, and further on, than the first record
        _, at = decode_varint(raw, at)
    for _ in range(2):  # key and value
        size, at = decode_varint(raw, at)
        at += max(size, 0)
    headers, _ = decode_varint(raw, at)
    return int(headers)


def _gzip(payload: bytes) -> bytearray:
    """All members, as aiokafka's does; in pieces, since zlib copies what is behind a member."""
    found, left = bytearray(), memoryview(payload)
    while left:
        member, place = zlib.decompressobj(_GZIP), 0
        while not member.eof:
            piece = left[place : place + _PIECE_BYTES]
            if not piece:
                raise _broken()
            place += len(piece)
            try:
                found += member.decompress(piece, MAX_UNPACKED_BYTES - len(found) + 1)
            except zlib.error as exc:
                raise _broken() from exc
            if len(found) > MAX_UNPACKED_BYTES:
                raise _too_large()
        left = left[place - len(member.unused_data) :]
        while left and left[0] == 0:
            left = left[1:]
    return found


def _into_a_buffer(decompress_into: Callable[[bytes, bytearray], int]) -> Decoder:
    """Of a codec that doesn't say how much there is: into a buffer that grows to the bound."""

    def decode(payload: bytes) -> bytearray:
        size = _FIRST_BUFFER_BYTES
        while True:
            buffer = bytearray(size)
            try:
                size_used = decompress_into(payload, buffer)
            except cramjam.DecompressionError as exc:  # broken, or too small a buffer: it doesn't say which
                if size >= MAX_UNPACKED_BYTES:
                    raise _too_large() from exc
            else:
                del buffer[size_used:]  # in place: a copy would be 32 MiB more
                return buffer
            size = min(size * _GROWTH, MAX_UNPACKED_BYTES)

    return decode


def _snappy(payload: bytes) -> Buffer:
    """One block, or in xerial's framing several, each of which says its size first."""
    raw = bytes(payload)
    if not raw.startswith(_XERIAL):
        return _snappy_block(raw, MAX_UNPACKED_BYTES)
    found, place = bytearray(), len(_XERIAL)
    while place < len(raw):
        end = place + _LENGTH_BYTES + int.from_bytes(raw[place : place + _LENGTH_BYTES], signed=True)
        if not place + _LENGTH_BYTES <= end <= len(raw):
            raise _broken()
        found += _snappy_block(raw[place + _LENGTH_BYTES : end], MAX_UNPACKED_BYTES - len(found))
        place = end
    return found


def _snappy_block(raw: bytes, room: int) -> bytes:
    try:
        if cramjam.snappy.decompress_raw_len(raw) > room:
            raise _too_large()
        return bytes(cramjam.snappy.decompress_raw(raw))
    except cramjam.DecompressionError as exc:
        raise _broken() from exc


def _too_large() -> BatchTooLargeError:
    return BatchTooLargeError(f"a batch unpacks to more than {MAX_UNPACKED_BYTES:,} bytes, or is broken")


def _broken() -> CorruptRecordException:
    return CorruptRecordException("a batch that can't be unpacked")


_DECODERS: Final[dict[str, Decoder]] = {
    "gzip_decode": _gzip,
    "snappy_decode": _snappy,
    "lz4_decode": _into_a_buffer(cramjam.lz4.decompress_into),
    "zstd_decode": _into_a_buffer(cramjam.zstd.decompress_into),
}

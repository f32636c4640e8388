"""What the runs lean on: the proxy cuts as a network does, the broker's record of the group is read."""

import asyncio
import time

import pytest

from consumer.records import Record, TopicPartition
from tests.chaos.group_log import Commit, Tenure, group_log
from tests.chaos.proxy import Proxy

# As Apache Kafka 4.1.1 wrote them, but for shorter names.
_EMPTY = b"\x00\x03\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\x00\x00\x01\xa2\x16R`U\x00\x00\x00\x00"
_OWNED = (
    b"\x00\x03\x00\x08consumer\x00\x00\x00\x01\x00\x01a\x00\x02m1\x00\x00\x01\xa2\x16R`_\x00\x00\x00\x01"
    b"\x00\x02m1\xff\xff\x00\x09replica-0\x00\n/127.0.0.1\x00\x00'\x10\x00\x00\x17p\x00\x00\x00\x00"
    b"\x00\x00\x00\x16\x00\x00\x00\x00\x00\x01\x00\x02t1\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00"
)
_COMMITTED = (
    b"\x00\x04\x00\x00\x00\x00\x00\x00\x00\x05\xff\xff\xff\xff\x06state\x00\x00\x01\xa2\x16R`\x8c\x00"
)


def _record(at_ms: int, key: bytes, value: bytes | None) -> Record:
    return Record("__consumer_offsets", 0, at_ms, at_ms, key, value)


def test_tenures_and_commits_are_read_as_the_broker_writes_them() -> None:
    """Who owned which topic from when to when, what was committed with which metadata; one group only."""
    group, other = b"\x00\x02\x00\x01g", b"\x00\x02\x00\x01h"
    commit = b"\x00\x01\x00\x01g\x00\x02t1\x00\x00\x00\x03"

    log = group_log(
        [
            _record(1000, group, _EMPTY),
            _record(2000, group, _OWNED),
            _record(2500, other, b"nobody looks"),
            _record(3000, commit, _COMMITTED),
            _record(3500, commit, None),
            _record(4000, group, None),
        ],
        "g",
    )

    assert (
        Tenure(0, {}, 1.0, 2.0),
        Tenure(1, {"t1": "replica-0"}, 2.0, 4.0),
        Tenure(-1, {}, 4.0, float("inf")),
    ) == log.tenures
    assert (Commit(3.0, TopicPartition("t1", 3), 5, "state"),) == log.commits


def test_another_version_of_the_broker_s_records_is_an_error() -> None:
    """Rather than a record of ownership that says nothing."""
    with pytest.raises(ValueError, match="version 9, not 3"):
        group_log([_record(1, b"\x00\x02\x00\x01g", b"\x00\x09")], "g")


async def _echo_server() -> asyncio.Server:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
        writer.close()

    return await asyncio.start_server(echo, "127.0.0.1", 0)


async def test_a_cut_delays_and_a_reset_breaks() -> None:
    """Over a cut what was sent arrives later; a reset ends the connection and refuses new ones."""
    server, proxy = await _echo_server(), Proxy()
    await proxy.start()
    proxy.target = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"one\n")
        assert await reader.readline() == b"one\n"

        proxy.cut()
        cut_at = time.monotonic()
        asyncio.get_running_loop().call_later(0.3, proxy.mend)
        writer.write(b"two\n")
        assert await reader.readline() == b"two\n"
        assert time.monotonic() - cut_at >= 0.3

        proxy.reset()
        with pytest.raises(ConnectionError):
            await reader.readexactly(1)
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)

        proxy.mend()
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"three\n")
        assert await reader.readline() == b"three\n"
        writer.close()
    finally:
        await proxy.close()
        server.close()

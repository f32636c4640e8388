"""The probes' port: what comes over it can't take the process's files."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import aiohttp
import pytest

from consumer.http import BACKLOG, MAX_CONNECTIONS, HttpServer, Probes

MANY = 300
LARGE = b"x" * 50_000_000


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A server that gives a request 0.5 s to come; its port."""
    probes = Probes(ready=lambda: True, status=dict, metrics=lambda: LARGE)
    server = HttpServer(probes, "127.0.0.1", 0, request_seconds=0.5)
    yield await server.start()
    await server.close()


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connections(port: int, count: int, head: bytes, stack: AsyncExitStack) -> list[Connection]:
    """So many connections that have said `head`."""
    made = []
    for _ in range(count):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        stack.callback(writer.close)
        writer.write(head)
        made.append((reader, writer))
    return made


async def is_alive(port: int) -> bool:
    url = f"http://127.0.0.1:{port}/livez"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status == 200


async def ended(made: list[Connection]) -> int:
    """How many of them the server has ended by now."""
    await asyncio.sleep(0.05)
    return sum(reader.at_eof() or reader.exception() is not None for reader, _ in made)


@pytest.mark.claim("S-40")
@pytest.mark.parametrize("head", [b"", b"GET /livez HTTP/1.1\r\nHost: x\r\n"])
async def test_unfinished_requests_are_few_and_end_soon(port: int, head: bytes) -> None:
    """Of hundreds at once the oldest are closed, the rest when their time is over; probes are answered."""
    async with AsyncExitStack() as stack:
        started_at = time.monotonic()
        made = await connections(port, MANY, head, stack)
        assert await is_alive(port)
        assert await ended(made) >= MANY - MAX_CONNECTIONS - BACKLOG
        while await ended(made) < MANY:
            assert time.monotonic() - started_at < 3.0


@pytest.mark.claim("S-40")
async def test_one_who_does_not_read_makes_room_too(port: int) -> None:
    """Its answer can't be sent; it is dropped all the same."""
    async with AsyncExitStack() as stack:
        [(reader, _)] = await connections(port, 1, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", stack)
        await reader.readexactly(1)
        await connections(port, MAX_CONNECTIONS + 2 * BACKLOG, b"", stack)
        assert await is_alive(port)

        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(len(LARGE))


async def test_a_connection_serves_several_requests(port: int) -> None:
    """Whoever asks again within the time need not connect anew."""
    async with AsyncExitStack() as stack:
        [(reader, writer)] = await connections(port, 1, b"", stack)
        for _ in range(3):
            writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await reader.readuntil(b"ok\n")).startswith(b"HTTP/1.1 200")

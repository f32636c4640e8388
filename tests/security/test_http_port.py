"""What can be done by reaching the HTTP port: claims of docs/security.md, over real sockets."""

import asyncio
import io
from collections.abc import AsyncIterator, Iterator

import pytest

from consumer.http import HttpServer, Probes
from tests.logs import everything_logged

MARK = "PLANTED-e7c1"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that is logged."""
    with everything_logged() as stream:
        yield stream


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A server; its port."""
    probes = Probes(ready=lambda: True, status=lambda: {"state": "running"}, metrics=lambda: b"up 1\n")
    server = HttpServer(probes, "127.0.0.1", 0, request_seconds=0.5)
    yield await server.start()
    await server.close()


async def say(port: int, raw: bytes) -> bytes:
    """Everything the server answers until it closes, or has said nothing for a second."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    found = bytearray()
    try:
        writer.write(raw)
        async with asyncio.timeout(2):
            while chunk := await reader.read(65_536):
                found += chunk
    except (TimeoutError, ConnectionError):
        pass
    finally:
        writer.close()
    return bytes(found)


def request(target: str, method: str = "GET", headers: str = "", body: bytes = b"") -> bytes:
    """One request."""
    head = f"{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n"
    return head.encode("utf-8", "surrogateescape") + body


def statuses(answer: bytes) -> list[int]:
    """Of each answer in what came."""
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]


@pytest.mark.claim("S-41")
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
async def test_nothing_but_reading_is_possible(method: str, port: int) -> None:
    """Four paths, with GET and HEAD alone; no path leads to a file or to another host."""
    for path in ("/livez", "/readyz", "/metrics", "/status"):
        assert 405 == statuses(await say(port, request(path, method, "Content-Length: 0\r\n")))[0]
    for path in (
        "/",
        "/../etc/passwd",
        "/status/../../x",
        "/%2e%2e/x",
        "//evil/status",
        "/status%00",
    ):
        assert 404 == statuses(await say(port, request(path)))[0]
    assert [200] == statuses(await say(port, request("/livez")))


CHUNKED = "Transfer-Encoding: chunked\r\n"
HOSTILE = {
    "a long path": request("/" + MARK * 10_000),
    "a long header": request("/livez", headers=f"X-A: {MARK * 10_000}\r\n"),
    "many headers": request("/livez", headers="".join(f"X-{n}: {MARK}\r\n" for n in range(50_000))),
    "a header without a colon": request("/livez", headers=f"{MARK}\r\n"),
    "a bad length": request("/livez", headers=f"Content-Length: {MARK}\r\n"),
    "two lengths": request("/livez", headers="Content-Length: 1\r\nContent-Length: 2\r\n"),
    "two framings": request("/livez", headers=f"Content-Length: 4\r\n{CHUNKED}", body=b"0\r\n\r\n"),
    "bad chunks": request("/livez", headers=CHUNKED, body=MARK.encode() * 9 + b"\r\n"),
    "an escape": request(f"/\x1b[2J{MARK}"),
    "another protocol": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + MARK.encode(),
    "another version": f"GET /{MARK} HTTP/9.9\r\n\r\n".encode(),
    "no HTTP": MARK.encode() + b"\r\n\r\n",
    "a web socket": request("/status", headers="Upgrade: websocket\r\nConnection: Upgrade\r\n"),
    "an expectation": request("/livez", headers=f"Expect: {MARK}\r\n"),
}


@pytest.mark.claim("S-42")
@pytest.mark.parametrize("kind", HOSTILE)
async def test_what_a_request_says_is_logged_nowhere_and_runs_in_no_browser(
    kind: str, port: int, log: io.StringIO
) -> None:
    """Who asked is told in plain text what was wrong, and nobody else; the next one is answered."""
    answer = await say(port, HOSTILE[kind])

    assert b"html" not in answer.lower()
    assert MARK not in log.getvalue()
    assert not [each for each in statuses(answer) if each >= 500]
    assert [200] == statuses(await say(port, request("/livez")))


@pytest.mark.claim("S-43")
async def test_a_large_body_is_not_taken_in(port: int) -> None:
    """The answer comes before it, and the connection is closed on it within the time of a request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
    assert (await reader.readuntil(b"ok\n")).startswith(b"HTTP/1.1 200")

    assert await until_closed(writer) < 1_000_000_000


async def until_closed(writer: asyncio.StreamWriter) -> int:
    """Send until the other end has had enough, for 3 s at most; how much it was."""
    sent = 0
    try:
        async with asyncio.timeout(3):
            while sent < 1_000_000_000:
                writer.write(b"x" * 65_536)
                await writer.drain()
                sent += 65_536
    except ConnectionError:
        pass
    finally:
        writer.close()
    return sent

"""The other end of a real socket, scripted as bytes."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

SESSION_ID = "478346000019553023"
SUCCESS = json.dumps({"code": 200, "session": {"sessionId": SESSION_ID}, "message": "success"}).encode()

Script = Callable[["Connection"], Awaitable[None]]


@dataclass
class Connection:
    """One connection as the far side sees it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    far: "FarSide"

    async def request(self) -> bytes:
        """One whole request, head and body; empty where the connection ended before one."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            if error.partial:
                self.far.requests.append(error.partial)
            return b""
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        request = head + await self.reader.readexactly(length)
        self.far.requests.append(request)
        return request

    async def send(self, data: bytes) -> None:
        """These bytes."""
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """End the connection with an RST."""
        self.writer.transport.abort()


@dataclass
class FarSide:
    """What arrived so far."""

    port: int = 0
    connections: int = 0
    ended: int = 0
    requests: list[bytes] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def far_side(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[FarSide]:
    """Run the script once for each connection."""
    far = FarSide()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        far.connections += 1
        try:
            await script(Connection(reader, writer, far))
        except (OSError, asyncio.IncompleteReadError) as error:
            far.errors.append(error)
        except asyncio.CancelledError:
            pass
        finally:
            tasks.discard(task)
            far.ended += 1
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    far.port = server.sockets[0].getsockname()[1]
    try:
        yield far
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.sleep(0)


def response(body: bytes = SUCCESS, status: str = "200 OK", headers: str = "") -> bytes:
    """A whole answer; `headers` are lines that end in CRLF."""
    return f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


def answering(*answers: bytes) -> Script:
    """Answer each request of a connection with the next of these, the last one again and again."""

    async def script(connection: Connection) -> None:
        number = 0
        while await connection.request():
            await connection.send(answers[min(number, len(answers) - 1)])
            number += 1

    return script


def token_response(token: str = "1000.aaaaaaaaaa.bbbbbbbbbb") -> bytes:
    """The accounts host's answer."""
    return response(json.dumps({"access_token": token, "expires_in": 3600}).encode())


async def until(condition: Callable[[], bool], seconds: float = 2.0) -> None:
    """Wait until it is so; TimeoutError if it never is."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  (the condition is the network's)
            await asyncio.sleep(0.002)

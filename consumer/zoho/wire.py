"""One HTTP exchange over aiohttp: bounded, no redirect, no cookie, no retry, started only when told so."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from socket import SO_LINGER, SOL_SOCKET

import aiohttp
from aiohttp.connector import Connection
from yarl import URL

from consumer.zoho.answer import MAX_BODY_BYTES, Answer, left_today
from consumer.zoho.errors import NETWORK_ERRORS, ConnectionGoneError, Interrupted, StartRefusedError

_CHUNK_BYTES = 65_536
_DNS_SECONDS = 60
# Shorter than the idle time of common front ends, so that a kept connection is rarely found closed.
_KEEP_ALIVE_SECONDS = 15.0
# Only what the standard library unpacks, whatever else happens to be installed.
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "gzip, deflate"}


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What to send: the URL exactly as it goes out. Only the method is in the repr: the rest is secret."""

    method: str
    url: URL = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)


class Wire:
    """A pool of connections to one host."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def exchange(
        self, request: HttpRequest, timeout_seconds: float, may_start: Callable[[], bool] = lambda: True
    ) -> Answer | Interrupted:
        """Send the request once, and read its answer, all within `timeout_seconds`.

        `may_start` is asked once the connection is up, right before the first byte; if it says no,
        nothing is written and the connection stays in the pool. A request that is given up
        (time-out, cancellation) is taken back as far as its bytes have not left this machine.
        """
        call = _Call(may_start)
        token = _CALL.set(call)
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._send_and_read(request, call)
        except NETWORK_ERRORS as error:
            return Interrupted(error, call.started, call.partial())
        finally:
            _CALL.reset(token)
            if not call.done:
                call.drop_connection()

    async def _send_and_read(self, request: HttpRequest, call: "_Call") -> Answer:
        async with self._session.request(
            request.method,
            request.url,
            headers=request.headers,
            data=request.body,
            allow_redirects=False,
            skip_auto_headers=("Content-Type",),
        ) as response:
            call.read_head(response)
            while call.body_bytes <= MAX_BODY_BYTES:
                chunk = await response.content.read(_CHUNK_BYTES)
                if not chunk:
                    call.done = True
                    return call.answer(truncated=False)
                call.add(chunk)
            response.close()
            return call.answer(truncated=True)


@asynccontextmanager
async def open_wire(user_agent: str, max_connections: int) -> AsyncIterator[Wire]:
    """A pool that takes nothing from the environment (proxies, .netrc) and keeps no cookies."""
    connector = aiohttp.TCPConnector(
        limit=max_connections, ttl_dns_cache=_DNS_SECONDS, keepalive_timeout=_KEEP_ALIVE_SECONDS
    )
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=_HEADERS | {"User-Agent": user_agent},
        timeout=aiohttp.ClientTimeout(total=None),  # ours holds; aiohttp's rounds up to whole seconds
        trust_env=False,
        request_class=_GatedRequest,
        raise_for_status=False,
    ) as session:
        yield Wire(session)


class _Call:
    """How far an exchange has come."""

    def __init__(self, may_start: Callable[[], bool]) -> None:
        self.may_start = may_start
        self.started = False
        self.done = False
        self.body_bytes = 0
        self._transport: asyncio.Transport | None = None
        self._head: tuple[int, str | None, int | None, str | None] | None = None
        self._chunks: list[bytes] = []

    def start(self, transport: asyncio.Transport) -> None:
        self.started = True
        self._transport = transport

    def read_head(self, response: aiohttp.ClientResponse) -> None:
        counted_down = left_today(response.headers.get("api-count-left-today"))
        headers = response.headers
        self._head = (response.status, headers.get("Retry-After"), counted_down, headers.get("Date"))

    def add(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self.body_bytes += len(chunk)

    def partial(self) -> Answer | None:
        return None if self._head is None else self.answer(truncated=True)

    def answer(self, *, truncated: bool) -> Answer:
        if self._head is None:
            raise RuntimeError("no answer was read")
        status, retry_after, counted_down, date = self._head
        body = b"".join(self._chunks)[:MAX_BODY_BYTES]
        return Answer(status, body, retry_after, counted_down, truncated, date)

    def drop_connection(self) -> None:
        """Reset it and discard what is not sent yet.

        A plain close would let the system go on delivering the request, minutes later where the
        network was down: after its slot is free again, and over a newer change.
        """
        if self._transport is None:
            return
        sock = self._transport.get_extra_info("socket")
        if sock is not None and sock.fileno() >= 0:
            sock.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()


_CALL: ContextVar[_Call] = ContextVar("call")


class _GatedRequest(aiohttp.ClientRequest):
    """Asks `may_start` between the connection and the first byte.

    `send` is where aiohttp turns from connecting to writing, on new and kept connections alike.
    Without a body the first byte is written before the event loop turns again; with one, at its
    next turn. (Trace hooks come earlier, or are not called on every path.)
    """

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        call = _CALL.get()
        transport = conn.transport
        if transport is None or transport.is_closing():
            raise ConnectionGoneError
        if not call.may_start():
            conn.release()
            raise StartRefusedError
        call.start(transport)
        return await super().send(conn)

"""Answers on the wire: whole, cut short, or not at all."""

import asyncio
import math
import socket
import struct

from aiohttp import web

from consumer.emulator.answers import Answer

# Linger on, for no time: closing then sends a reset instead of an orderly end.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_POLL_SECONDS = 0.05


def whole(answer: Answer) -> web.Response:
    """Make the response that aiohttp sends."""
    response = web.Response(status=answer.status, body=answer.body)
    response.headers["Content-Type"] = answer.content_type
    for name, value in answer.headers:
        response.headers.add(name, value)
    return response


async def half(request: web.Request, answer: Answer, *, reset: bool) -> web.StreamResponse:
    """Promise the whole answer, send half of it, then close the connection, orderly or by a `reset`."""
    response = web.StreamResponse(status=answer.status)
    response.headers["Content-Type"] = answer.content_type
    for name, value in answer.headers:
        response.headers.add(name, value)
    response.content_length = len(answer.body)
    response.force_close()
    await response.prepare(request)
    await response.write(answer.body[: len(answer.body) // 2])
    if reset:
        # A reset overtakes what the peer has not read yet: let the half arrive first.
        await asyncio.sleep(_POLL_SECONDS)
        abort(request.transport)
    elif request.transport is not None:
        request.transport.close()
    return response


def abort(transport: asyncio.BaseTransport | None) -> None:
    """Reset the connection (TCP RST), if it still stands."""
    if transport is None or not isinstance(transport, asyncio.Transport):
        return
    connection = transport.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()


def nothing() -> web.Response:
    """Give aiohttp something to return for a connection that is gone; it is never sent."""
    return web.Response(status=500)


def is_gone(request: web.Request) -> bool:
    """Whether the client has hung up."""
    return request.transport is None or request.transport.is_closing()


async def client_gone(request: web.Request, closing: asyncio.Event, within_seconds: float = math.inf) -> bool:
    """Wait until the client hangs up; False where the time is over, or the emulator closes, before."""
    while not is_gone(request):
        if within_seconds <= 0 or closing.is_set():
            return False
        step_seconds = min(_POLL_SECONDS, within_seconds)
        await pause(step_seconds, closing)
        within_seconds -= step_seconds
    return True


async def pause(seconds: float, closing: asyncio.Event) -> None:
    """Wait that long, or until the emulator closes."""
    try:
        await asyncio.wait_for(closing.wait(), seconds)
    except TimeoutError:
        return

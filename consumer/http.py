"""`/livez`, `/readyz`, `/metrics` and `/status`, on one port (contract, section 9)."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from aiohttp import web

# Whoever reaches the port can't take the process's files: Kafka and Zoho need them.
MAX_CONNECTIONS = 64
# So many are accepted before the first of them counts.
BACKLOG = 16
# For a request to come whole, and between two of one connection.
REQUEST_SECONDS = 5.0


class Probes:
    """What the HTTP endpoints ask the application. All of it is cheap and never waits."""

    def __init__(
        self,
        *,
        ready: Callable[[], bool],
        status: Callable[[], dict[str, Any]],
        metrics: Callable[[], bytes],
    ) -> None:
        self.ready = ready
        self.status = status
        self.metrics = metrics


class HttpServer:
    """Serves the probes until closed. Raises OSError from `start` where the port is taken.

    A connection that says nothing for `request_seconds` is closed, and the oldest one where there are
    MAX_CONNECTIONS.
    """

    def __init__(
        self, probes: Probes, host: str, port: int, *, request_seconds: float = REQUEST_SECONDS
    ) -> None:
        self._host = host
        self._port = port
        app = web.Application()
        app.add_routes(
            [
                web.get("/livez", self._livez),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._metrics),
                web.get("/status", self._status),
            ]
        )
        self._probes = probes
        self._runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=1.0,
            # aiohttp counts it from the connection's start on, too.
            keepalive_timeout=request_seconds,
            lingering_time=request_seconds,
        )
        self._listener: asyncio.Server | None = None

    async def start(self) -> int:
        """Listen; the port, which matters where 0 was asked for."""
        await self._runner.setup()
        self._listener = await asyncio.get_running_loop().create_server(
            self._accept, self._host, self._port, backlog=BACKLOG
        )
        port: int = self._listener.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        """Stop listening, within a second."""
        if self._listener is not None:
            self._listener.close()
        await self._runner.cleanup()

    def _accept(self) -> asyncio.Protocol:
        """What serves a new connection. The oldest one makes room: whoever asks now is served."""
        server = self._runner.server
        assert server is not None  # noqa: S101  (narrows the type)
        connections = [(each, each.transport) for each in server.connections if each.transport is not None]
        if len(connections) >= MAX_CONNECTIONS:
            oldest, transport = connections[0]
            oldest.force_close()
            # Closing would wait until everything is sent to one who doesn't read.
            transport.abort()
        return server()

    async def _livez(self, request: web.Request) -> web.Response:  # noqa: ARG002
        # Whoever answers this turns: what Zoho or Kafka do is not a reason to be killed.
        return web.Response(text="ok\n")

    async def _readyz(self, request: web.Request) -> web.Response:  # noqa: ARG002
        if self._probes.ready():
            return web.Response(text="ok\n")
        return web.Response(status=503, text="not a member of the group, or draining\n")

    async def _metrics(self, request: web.Request) -> web.Response:  # noqa: ARG002
        headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        return web.Response(body=self._probes.metrics(), headers=headers)

    async def _status(self, request: web.Request) -> web.Response:  # noqa: ARG002
        body = json.dumps(self._probes.status(), ensure_ascii=False, indent=2) + "\n"
        return web.Response(text=body, content_type="application/json")

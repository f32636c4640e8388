"""`/livez`, `/readyz`, `/metrics` and `/status`, on one port (contract, section 9)."""

import json
from collections.abc import Callable
from typing import Any

from aiohttp import web


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
    """Serves the probes until closed. Raises OSError from `start` where the port is taken."""

    def __init__(self, probes: Probes, host: str, port: int) -> None:
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
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)

    async def start(self) -> int:
        """Listen; the port, which matters where 0 was asked for."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        port: int = self._runner.addresses[0][1]
        return port

    async def close(self) -> None:
        """Stop listening, within a second."""
        await self._runner.cleanup()

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

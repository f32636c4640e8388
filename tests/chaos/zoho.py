"""The emulated Zoho with a door of its own for each replica, so that every call says whose it is."""

import asyncio
import json
import time
from collections.abc import Mapping
from contextvars import ContextVar

from aiohttp import web

from consumer.emulator.faults import Fault
from consumer.emulator.handlers import ZohoHandlers
from consumer.emulator.options import EmulatorOptions
from consumer.emulator.server import Emulator
from consumer.emulator.sessions import Call, SessionPath
from consumer.emulator.state import Portal

# The replica and the event's name of the request that is being handled.
_REQUEST: ContextVar[tuple[int, str | None]] = ContextVar("request")
_LISTEN_TRIES, _LISTEN_PAUSE_SECONDS = 50, 0.1


class WatchedZoho(Emulator):
    """An emulator that remembers every call: whose it was (by its door), the name it set, what became of it.

    Times are epoch seconds, of a clock that never jumps.
    """

    def __init__(self, options: EmulatorOptions) -> None:
        self.seen: list[tuple[int, str | None, Call]] = []
        started = time.monotonic()
        epoch = time.time() - started
        super().__init__(options, clock=lambda: epoch + time.monotonic())
        self._replicas: dict[int, int] = {}
        self._zoho = _Handlers(self, self._replicas, self._closing)
        self._doors: dict[int, web.TCPSite] = {}
        self._one_at_a_time = asyncio.Lock()

    async def open_door(self, replica: int) -> str:
        """The address that is this replica's alone."""
        site = await self._listen(0)
        self._doors[site.port] = site
        self._replicas[site.port] = replica
        return f"http://127.0.0.1:{site.port}"

    async def close_doors(self, seconds: float) -> None:
        """Reset every connection and refuse new ones for so long."""
        async with self._one_at_a_time:
            for site in self._doors.values():
                await site.stop()
            self._drop_connections()
            await asyncio.sleep(seconds)
            for port in self._doors:
                self._doors[port] = await self._listen(port)

    async def outage(self, seconds: float) -> None:
        """503 from the gateway, for so long."""
        fault = Fault("outage")
        self.add_fault(fault)
        await asyncio.sleep(seconds)
        self.portal.faults = tuple(other for other in self.portal.faults if other is not fault)

    def _new_portal(self) -> Portal:
        now = self._clock()
        return _Portal(self.options, now, self.seen)

    async def _listen(self, port: int) -> web.TCPSite:
        assert self._runner is not None
        for tries_left in reversed(range(_LISTEN_TRIES)):
            site = web.TCPSite(self._runner, "127.0.0.1", port)
            try:
                await site.start()
            except OSError:  # somebody's outgoing connection has the port for now
                await site.stop()
                if not tries_left:
                    raise
                await asyncio.sleep(_LISTEN_PAUSE_SECONDS)
            else:
                break
        return site


class _Handlers(ZohoHandlers):
    def __init__(self, zoho: Emulator, replicas: Mapping[int, int], closing: asyncio.Event) -> None:
        super().__init__(lambda: zoho.portal, zoho.now, closing, zoho.options.answer_seconds)
        self._replicas = replicas

    async def _call(self, request: web.Request, path: SessionPath | None) -> web.StreamResponse:
        assert request.transport is not None
        port = request.transport.get_extra_info("sockname")[1]
        name = json.loads(request.query.get("sessionData", "{}")).get("name")
        _REQUEST.set((self._replicas[port], name))
        return await super()._call(request, path)


class _Portal(Portal):
    def __init__(
        self, options: EmulatorOptions, now: float, seen: list[tuple[int, str | None, Call]]
    ) -> None:
        super().__init__(options, now)
        self._seen = seen

    def arrive(self, path: SessionPath | None, now: float) -> Call:
        call = super().arrive(path, now)
        replica, event = _REQUEST.get()
        self._seen.append((replica, event, call))
        return call

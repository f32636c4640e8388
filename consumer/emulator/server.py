"""The emulator's life: it starts, is controlled, and closes."""

import asyncio
import logging
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from aiohttp import web

from consumer.emulator import control, delivery
from consumer.emulator.audit import Audit
from consumer.emulator.faults import Fault
from consumer.emulator.handlers import ZohoHandlers
from consumer.emulator.options import EmulatorOptions
from consumer.emulator.sessions import Session
from consumer.emulator.state import Portal

_CLOSE_SECONDS = 2.0
_LAST_WORDS_SECONDS = 0.05  # so that whoever asked for the refusal gets an answer
_REOPEN_TRIES, _REOPEN_PAUSE_SECONDS = 50, 0.1


class Emulator:
    """One emulated Zoho, People and accounts host in one, from `start` to `close`.

    `clock` is any clock's seconds that never run backwards; it is not slept by. Every control
    method works at once and has a twin under `/_emulator/`.
    """

    def __init__(
        self, options: EmulatorOptions | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.options = options or EmulatorOptions()
        self._clock = clock
        self._portal = self._new_portal()
        self._runner: web.AppRunner | None = None
        self._site: web.TCPSite | None = None
        self._host, self._port = "", 0
        self._closing = asyncio.Event()
        self._reopening: asyncio.Task[None] | None = None
        self._zoho = ZohoHandlers(lambda: self._portal, clock, self._closing, self.options.answer_seconds)

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 takes a free one. OSError where it can't be had."""
        application = web.Application(client_max_size=2**20)
        application.add_routes(control.routes(self))
        application.add_routes(self._zoho.routes())
        self._runner = web.AppRunner(
            application, access_log=None, logger=_discreet_logger(), shutdown_timeout=_CLOSE_SECONDS
        )
        await self._runner.setup()
        self._host, self._port = host, port
        await self.accept_connections()

    async def close(self) -> None:
        """Stop listening, reset what hangs, and be gone within seconds. May be called twice."""
        self._closing.set()
        if self._reopening is not None:
            self._reopening.cancel()
            self._reopening = None
        if self._runner is not None:
            await self.refuse_connections()
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        """Start on a free port, unless it was started before."""
        if self._runner is None:
            await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.close()

    @property
    def url(self) -> str:
        """The People URL and the accounts URL; it stays the same over a refusal of connections."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    @property
    def portal(self) -> Portal:
        """The state, to look at. A reset puts a new one in its place."""
        return self._portal

    def now(self) -> float:
        """The clock's time, as in the audit and in the calls' history."""
        return self._clock()

    def audit(self) -> Audit:
        """Everything that came in since the start or the last reset."""
        return self._portal.audit()

    def session(self, session_id: str) -> Session | None:
        """A session's fields and calls, None where it was never called for."""
        return self._portal.sessions.get(session_id)

    def add_fault(self, fault: Fault) -> None:
        """Add it behind those there are; ValueError where there are too many."""
        self._portal.add_fault(fault)

    def clear_faults(self) -> None:
        """Take all faults away."""
        self._portal.clear_faults()

    def reset(self) -> None:
        """Begin anew: no session, no call counted, no live token, no lock, the faults of the options."""
        self._portal = self._new_portal()

    def lock(self, seconds: float | None = None) -> None:
        """Lock the API from now on, as others' calls might have done; None: for the usual period."""
        self._portal.lock(self.now(), seconds)

    def foreign_calls(self, count: int) -> None:
        """Let others make this many calls now: they take from the window and the day."""
        self._portal.foreign_calls(count, self.now())

    def use_up_day(self) -> None:
        """Use up the day's calls."""
        self._portal.use_up_day(self.now())

    def kill_tokens(self) -> None:
        """Kill every live access token before its time."""
        self._portal.kill_tokens()

    def revoke(self) -> None:
        """Revoke the refresh token and kill its access tokens."""
        self._portal.set_revoked(revoked=True)
        self._portal.kill_tokens()

    def restore(self) -> None:
        """Make the refresh token good again."""
        self._portal.set_revoked(revoked=False)

    async def refuse_connections(self) -> None:
        """Close the listener and reset every connection, until `accept_connections`."""
        if self._site is not None:
            site, self._site = self._site, None
            await site.stop()
        self._drop_connections()

    async def accept_connections(self) -> None:
        """Listen (again) on the same port. OSError where it can't be had."""
        if self._site is not None or self._runner is None:
            return
        site = web.TCPSite(self._runner, self._host, self._port)
        try:
            await site.start()
        except OSError:
            await site.stop()
            raise
        self._site, self._port = site, site.port

    def refuse_connections_for(self, seconds: float) -> None:
        """Refuse connections from now on, and accept them again that much later."""
        if self._reopening is not None:
            self._reopening.cancel()
        self._reopening = asyncio.create_task(self._refuse_for(seconds), name="emulator-reopening")

    async def _refuse_for(self, seconds: float) -> None:
        await asyncio.sleep(_LAST_WORDS_SECONDS)
        await self.refuse_connections()
        await asyncio.sleep(seconds)
        for _ in range(_REOPEN_TRIES):
            try:
                return await self.accept_connections()
            except OSError:  # somebody's outgoing connection has the port for now
                await asyncio.sleep(_REOPEN_PAUSE_SECONDS)
        return await self.accept_connections()

    def _drop_connections(self) -> None:
        server = self._runner.server if self._runner is not None else None
        for connection in server.connections if server is not None else ():
            delivery.abort(connection.transport)

    def _new_portal(self) -> Portal:
        now = self._clock()
        return Portal(self.options, now, time.time() - now)


class _TypeOnly(logging.Filter):
    """Keeps an exception's type and drops the rest: aiohttp quotes requests, tokens and all."""

    def filter(self, record: logging.LogRecord) -> bool:
        kind = record.exc_info[0] if record.exc_info else None
        record.msg = f"a request failed: {kind.__name__ if kind else 'no exception'}"
        record.args, record.exc_info, record.exc_text = (), None, None
        return True


def _discreet_logger() -> logging.Logger:
    logger = logging.getLogger("consumer.emulator.server")
    if not logger.filters:
        logger.addFilter(_TypeOnly())
    return logger

"""Zoho's own addresses over HTTP: thin handlers around the portal."""

import asyncio
import secrets
import time
from collections.abc import Callable
from urllib.parse import parse_qsl

from aiohttp import web

from consumer.emulator import delivery
from consumer.emulator.sessions import Call, SessionPath
from consumer.emulator.state import Decision, Portal, Request
from consumer.emulator.validation import Input

SESSION_PATH = "/api/v1/courses/{course}/batches/{batch}/modules/{module}/sessions/{session}"
TOKEN_PATH = "/oauth/v2/token"  # noqa: S105


class ZohoHandlers:
    """Answers for the portal that `portal` gives; what hangs ends when `closing` is set."""

    def __init__(
        self,
        portal: Callable[[], Portal],
        clock: Callable[[], float],
        closing: asyncio.Event,
        answer_seconds: float,
    ) -> None:
        self._portal = portal
        self._now = clock
        self._closing = closing
        self._answer_seconds = answer_seconds
        self._open: dict[int, tuple[Portal, Call, web.Request]] = {}

    def routes(self) -> list[web.RouteDef]:
        """The People host's and the accounts host's routes. Every request to the former counts as a call."""
        return [
            web.post(TOKEN_PATH, self._mint),
            web.patch(SESSION_PATH, self._update_session),
            web.route("*", "/api/{rest:.*}", self._no_such_address),
        ]

    async def _update_session(self, request: web.Request) -> web.StreamResponse:
        ids = request.match_info
        path = SessionPath(ids["course"], ids["batch"], ids["module"], ids["session"])
        return await self._call(request, path)

    async def _no_such_address(self, request: web.Request) -> web.StreamResponse:
        return await self._call(request, None)

    async def _call(self, request: web.Request, path: SessionPath | None) -> web.StreamResponse:
        self._end_lost_calls()
        portal = self._portal()  # a reset may put another in its place meanwhile
        call = portal.arrive(path, self._now())
        self._open[id(request)] = portal, call, request
        try:
            given = Input(tuple(request.query.items()), request.content_type, await request.read())
            asked = Request(request.path, request.headers.get("Authorization"), given)
            decision = portal.decide(call, asked, self._now())
            return await self._carry_out(portal, request, decision)
        finally:
            portal.end(call, self._now(), gone=delivery.is_gone(request))
            del self._open[id(request)]

    def _end_lost_calls(self) -> None:
        """Find the calls whose clients hung up, so that none counts as in flight beside its successor."""
        for portal, call, request in self._open.values():
            if not call.is_over and delivery.is_gone(request):
                portal.end(call, self._now(), gone=True)

    async def _carry_out(
        self, portal: Portal, request: web.Request, decision: Decision
    ) -> web.StreamResponse:
        """Let time pass, the write take effect when it should, and the answer go as it should."""
        treatment = decision.treatment
        if decision.writes and treatment.effect == "at_once":
            portal.take_effect(decision, self._now())
        await self._wait(portal, request, decision)
        if decision.writes and treatment.effect == "with_answer":
            portal.take_effect(decision, self._now())
        if treatment.delivery == "never":
            await self._never_answer(portal, request, decision)
            return delivery.nothing()
        if treatment.delivery == "reset":
            delivery.abort(request.transport)
            return delivery.nothing()
        answer = portal.compose(decision)
        if treatment.delivery == "whole":
            return delivery.whole(answer)
        return await delivery.half(request, answer, reset=treatment.delivery == "reset_mid_body")

    async def _wait(self, portal: Portal, request: web.Request, decision: Decision) -> None:
        """Take the time the answer takes. A client that hangs up meanwhile changes nothing but the audit."""
        seconds = decision.treatment.wait_seconds
        if not seconds:
            await self._take_usual_time()
            return
        until = time.monotonic() + seconds
        if await delivery.client_gone(request, self._closing, seconds):
            portal.end(decision.call, self._now(), gone=True)
            await delivery.pause(until - time.monotonic(), self._closing)

    async def _never_answer(self, portal: Portal, request: web.Request, decision: Decision) -> None:
        gone = await delivery.client_gone(request, self._closing)
        portal.end(decision.call, self._now(), gone=gone)
        if gone and decision.writes and decision.treatment.effect == "late":
            await delivery.pause(decision.treatment.late_seconds, self._closing)
            portal.take_effect(decision, self._now())

    async def _mint(self, request: web.Request) -> web.StreamResponse:
        form = await _form(request)
        answer, treatment = self._portal().mint(form, self._now(), f"1000.{secrets.token_hex(16)}")
        if treatment.wait_seconds:
            await delivery.client_gone(request, self._closing, treatment.wait_seconds)
        else:
            await self._take_usual_time()
        if treatment.delivery == "never":
            await delivery.client_gone(request, self._closing)
            return delivery.nothing()
        if treatment.delivery == "reset":
            delivery.abort(request.transport)
            return delivery.nothing()
        return delivery.whole(answer)

    async def _take_usual_time(self) -> None:
        if self._answer_seconds:
            await asyncio.sleep(self._answer_seconds)


async def _form(request: web.Request) -> dict[str, str]:
    """The form of the body; empty where there is none: parameters of the query are not looked at."""
    if request.content_type != "application/x-www-form-urlencoded":
        return {}
    try:
        return dict(parse_qsl((await request.read()).decode(), max_num_fields=20))
    except ValueError:
        return {}

"""`/_emulator/…` and the page: what a test or a person sees and does from outside the process."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from aiohttp import web

from consumer.emulator.audit import Audit
from consumer.emulator.faults import Fault, fault_from_json
from consumer.emulator.page import page
from consumer.emulator.state import Portal
from consumer.emulator.views import audit_json, fault_json, portal_json, session_json

SESSIONS_LISTED = 1_000
MAX_SECONDS = 86_400.0


class Controls(Protocol):
    """What can be done to a running emulator; `Emulator` does it."""

    @property
    def portal(self) -> Portal: ...
    def now(self) -> float: ...
    def audit(self) -> Audit: ...
    def add_fault(self, fault: Fault) -> None: ...
    def clear_faults(self) -> None: ...
    def reset(self) -> None: ...
    def lock(self, seconds: float | None = None) -> None: ...
    def foreign_calls(self, count: int) -> None: ...
    def use_up_day(self) -> None: ...
    def kill_tokens(self) -> None: ...
    def revoke(self) -> None: ...
    def restore(self) -> None: ...
    def refuse_connections_for(self, seconds: float) -> None: ...


def routes(emulator: Controls) -> list[web.RouteDef]:
    """All routes beside Zoho's own. A POST takes JSON or nothing; a wrong one is a 400 that says why."""
    views: dict[str, Callable[[web.Request], object]] = {
        "audit": lambda _: audit_json(emulator.audit()),
        "state": lambda _: portal_json(emulator.portal, emulator.now()),
        "sessions": lambda _: _sessions(emulator.portal),
        "sessions/{session_id}": lambda request: _session(emulator.portal, request.match_info["session_id"]),
        "faults": lambda _: [fault_json(fault) for fault in emulator.portal.faults],
    }
    actions: dict[str, Callable[[Any], None]] = {
        "faults": lambda body: _add_faults(emulator, body),
        "faults/clear": lambda _: emulator.clear_faults(),
        "reset": lambda _: emulator.reset(),
        "lock": lambda body: emulator.lock(_seconds(body, required=False)),
        "foreign-calls": lambda body: emulator.foreign_calls(_count(body)),
        "day/use-up": lambda _: emulator.use_up_day(),
        "tokens/kill": lambda _: emulator.kill_tokens(),
        "refresh-token/revoke": lambda _: emulator.revoke(),
        "refresh-token/restore": lambda _: emulator.restore(),
        "refuse-connections": lambda body: emulator.refuse_connections_for(
            _seconds(body, required=True) or 0.0
        ),
    }
    return [
        web.get("/", _page_route(emulator)),
        *(web.get(f"/_emulator/{name}", _view_route(view)) for name, view in views.items()),
        *(web.post(f"/_emulator/{name}", _action_route(action)) for name, action in actions.items()),
        web.delete("/_emulator/faults", _action_route(actions["faults/clear"])),
    ]


_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _page_route(emulator: Controls) -> _Handler:
    async def show(request: web.Request) -> web.StreamResponse:  # noqa: ARG001
        return web.Response(text=page(emulator.portal, emulator.now()), content_type="text/html")

    return show


def _view_route(view: Callable[[web.Request], object]) -> _Handler:
    async def show(request: web.Request) -> web.StreamResponse:
        found = view(request)
        return web.json_response(
            {"error": "unknown"} if found is None else found, status=404 if found is None else 200
        )

    return show


def _action_route(action: Callable[[Any], None]) -> _Handler:
    async def act(request: web.Request) -> web.StreamResponse:
        try:
            text = await request.text()
            action(json.loads(text) if text.strip() else {})
        except ValueError as problem:
            return web.json_response({"error": str(problem)}, status=400)
        return web.json_response({"done": True})

    return act


def _add_faults(emulator: Controls, body: object) -> None:
    """Take one fault or an array of them: none where one of them is wrong."""
    for fault in [fault_from_json(value) for value in (body if isinstance(body, list) else [body])]:
        emulator.add_fault(fault)


def _sessions(portal: Portal) -> list[dict[str, Any]]:
    latest = list(portal.sessions)[-SESSIONS_LISTED:]
    return [session_json(session, portal.epoch_offset_seconds, with_calls=False) for session in latest]


def _session(portal: Portal, session_id: str) -> dict[str, Any] | None:
    session = portal.sessions.get(session_id)
    return session_json(session, portal.epoch_offset_seconds, with_calls=True) if session else None


def _seconds(body: object, *, required: bool) -> float | None:
    value = body.get("seconds") if isinstance(body, dict) else None
    if value is None and not required:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MAX_SECONDS:
        return float(value)
    raise ValueError(f'give {{"seconds": 0 to {MAX_SECONDS:g}}}')


def _count(body: object) -> int:
    value = body.get("count") if isinstance(body, dict) else None
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError('give {"count": how many calls}')  # noqa: TRY004
    return value

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from consumer.emulator.faults import Fault
from consumer.emulator.options import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, EmulatorOptions, Limits
from consumer.emulator.server import Emulator
from consumer.emulator.state import Decision, Portal, Request

FIELDS = {
    "name": "Forklift <refresher>",
    "trainerErecno": "5",
    "type": "0",
    "date": "01-12-2026",
    "startTime": "10:00 AM",
    "endTime": "11:00 AM",
}
FORM = {
    "grant_type": "refresh_token",
    "client_id": CLIENT_ID,
    "client_secret": CLIENT_SECRET,
    "refresh_token": REFRESH_TOKEN,
}
OPTIONS = EmulatorOptions(answer_seconds=0.0)
CLIENT_SECONDS = 0.3


class Client:
    """The least that can call the emulator."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self.http, self.url, self.token = http, url, ""

    async def mint(self, **form: str) -> int:
        async with self.http.post(f"{self.url}/oauth/v2/token", data=FORM | form) as answer:
            self.token = (await answer.json()).get("access_token", self.token)
            return answer.status

    async def update(self, session_id: str = "4", **request: Any) -> tuple[int, bytes]:
        request = request or {"params": {"sessionData": json.dumps(FIELDS)}}
        async with self.http.patch(
            f"{self.url}/api/v1/courses/1/batches/2/modules/3/sessions/{session_id}",
            headers={"Authorization": f"Zoho-oauthtoken {self.token}"},
            allow_redirects=False,
            **request,
        ) as answer:
            return answer.status, await answer.read()

    async def control(self, method: str, name: str, body: object = None) -> tuple[int, Any]:
        async with self.http.request(method, f"{self.url}/_emulator/{name}", json=body) as answer:
            return answer.status, await answer.json()


@asynccontextmanager
async def running(options: EmulatorOptions = OPTIONS) -> AsyncIterator[tuple[Emulator, Client]]:
    """An emulator, and a client that has a token and gives up after CLIENT_SECONDS."""
    limit = aiohttp.ClientTimeout(total=CLIENT_SECONDS)
    async with Emulator(options) as emulator, aiohttp.ClientSession(timeout=limit) as http:
        client = Client(http, emulator.url)
        await client.mint()
        yield emulator, client


def writes(emulator: Emulator) -> int:
    session = emulator.session("4")
    return session.writes if session else 0


async def until(condition: Any) -> None:
    async with asyncio.timeout(2):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("style", "request_parts"),
    [
        ("query", {"params": {"sessionData": json.dumps(FIELDS)}}),
        ("json", {"json": FIELDS}),
        ("form", {"data": {"sessionData": json.dumps(FIELDS)}}),
        ("query+json", {"params": {"sessionData": json.dumps(FIELDS)}, "json": FIELDS}),
    ],
)
async def test_update_is_stored_in_every_style(style: str, request_parts: dict[str, Any]) -> None:
    """A session updated over HTTP is stored, and its history says how it came."""
    async with running(replace(OPTIONS, input_style="both")) as (emulator, client):
        status, _ = await client.update(**request_parts)
        session = emulator.session("4")

    assert status == 200
    assert session is not None
    assert (session.fields, session.calls[0].style) == (FIELDS, style)


@pytest.mark.parametrize(
    ("kind", "error", "written"),
    [
        ("reset_before_effect", aiohttp.ClientOSError, 0),
        ("reset_after_effect", aiohttp.ClientOSError, 1),
        ("reset_mid_body", aiohttp.ClientPayloadError, 1),
        ("truncated", aiohttp.ClientPayloadError, 1),
        ("hang", TimeoutError, 0),
        ("hang_after_effect", TimeoutError, 1),
    ],
)
async def test_broken_answer_and_what_was_written(kind: str, error: type[Exception], written: int) -> None:
    """A fault on the wire breaks the answer as it says, and the write is what it says."""
    async with running() as (emulator, client):
        emulator.add_fault(Fault(kind, calls=1))
        with pytest.raises(error):
            await client.update()

        assert writes(emulator) == written
        assert (await client.update())[0] == 200


async def test_late_effect_writes_after_the_client_gave_up() -> None:
    """The write takes effect the given time after the client hung up, not before."""
    async with running() as (emulator, client):
        emulator.add_fault(Fault("late_effect", seconds=0.2, calls=1))
        with pytest.raises(TimeoutError):
            await client.update()
        at_once = writes(emulator)
        await until(lambda: writes(emulator))
        session = emulator.session("4")

    assert at_once == 0
    assert session is not None
    call = session.calls[0]
    assert call.gone_at is not None
    assert call.effect_at is not None
    assert 0.19 <= call.effect_at - call.gone_at


async def test_large_and_compressed_answers() -> None:
    """An oversized answer exceeds 1 MiB even where few bytes travel; a compressed one is a good answer."""
    async with running() as (emulator, client):
        sizes = {}
        for kind in ("oversized", "oversized_gzip", "gzip"):
            emulator.add_fault(Fault(kind, calls=1))
            status, body = await client.update()
            sizes[kind] = (status, json.loads(body)["message"], len(body) > 2**20)

    assert sizes == {
        "oversized": (200, "success", True),
        "oversized_gzip": (200, "success", True),
        "gzip": (200, "success", False),
    }


async def test_client_that_gave_up_does_not_count_as_in_flight_beside_its_next_call() -> None:
    """A call that was given up and the next one of its session are not two in flight."""
    async with running() as (emulator, client):
        emulator.add_fault(Fault("slow", seconds=1.0, calls=1))
        with pytest.raises(TimeoutError):
            await client.update()
        await client.update()

        assert emulator.audit().most_in_flight_of_one_session == 1


async def test_calls_of_one_session_at_once_are_seen() -> None:
    """Two calls at once for one session show in the audit: that is how a test catches them."""
    async with running(replace(OPTIONS, answer_seconds=0.1)) as (emulator, client):
        await asyncio.gather(client.update(), client.update())

        assert emulator.audit().most_in_flight_of_one_session == 2


async def test_refused_connections_come_back_on_the_same_port() -> None:
    """While connections are refused no call gets through; then the same URL works again."""
    async with running() as (emulator, client):
        await emulator.refuse_connections()
        with pytest.raises(aiohttp.ClientOSError):
            await client.update()
        await emulator.accept_connections()

        assert (await client.update())[0] == 200


async def test_refusal_over_http_ends_by_itself() -> None:
    """A refusal asked for over HTTP is answered, happens, and ends after its seconds."""
    async with running() as (emulator, client):
        asked = await client.control("POST", "refuse-connections", {"seconds": 0.1})
        port_before = emulator.url
        await asyncio.sleep(0.1)
        with pytest.raises(aiohttp.ClientOSError):
            await client.update()
        await asyncio.sleep(0.2)

        assert asked == (200, {"done": True})
        assert (await client.update())[0] == 200
        assert emulator.url == port_before


async def test_dead_and_revoked_tokens() -> None:
    """Killed tokens get 401 until a new mint, a revoked refresh token gets none until it is restored."""
    async with running() as (emulator, client):
        emulator.kill_tokens()
        dead = (await client.update())[0]
        await client.mint()
        alive = (await client.update())[0]
        emulator.revoke()
        revoked = (await client.mint(), (await client.update())[0])
        emulator.restore()

        assert (dead, alive, revoked) == (401, 200, (400, 401))
        assert await client.mint() == 200


async def test_token_request_with_the_secret_in_the_query_is_not_granted() -> None:
    """Credentials belong in the form body; in the address they are not looked at."""
    async with (
        running() as (_, client),
        client.http.post(f"{client.url}/oauth/v2/token", params=FORM) as answer,
    ):
        assert answer.status == 400


async def test_controls_over_http() -> None:
    """What can be done in the process can be done over HTTP, and shows in the views."""
    async with running(replace(OPTIONS, limits=Limits(5, 60.0, 300.0))) as (_, client):
        await client.control("POST", "faults", [{"kind": "poison", "session_id": "5", "calls": 1}])
        statuses = [(await client.update(session_id))[0] for session_id in ("4", "5", "5")]
        _, audit = await client.control("GET", "audit")
        _, session = await client.control("GET", "sessions/4")
        missing = await client.control("GET", "sessions/6")
        await client.control("POST", "foreign-calls", {"count": 3})
        _, state = await client.control("GET", "state")
        await client.control("POST", "reset")
        _, fresh = await client.control("GET", "audit")

    assert statuses == [200, 500, 200]
    assert (audit["calls"], audit["writes"], audit["answers"]) == (3, 2, {"applied": 2, "poison": 1})
    assert (session["fields"], session["writes"], len(session["calls"])) == (FIELDS, 1, 1)
    assert missing[0] == 404
    assert (state["locked"], state["free_slots"]) == (True, 0)
    assert (fresh["calls"], fresh["mints"]) == (0, 0)


@pytest.mark.parametrize(
    ("name", "body"),
    [("faults", {"kind": "nonsense"}), ("lock", {"seconds": -1}), ("foreign-calls", {"count": "3"})],
)
async def test_wrong_control_is_refused_with_a_reason(name: str, body: object) -> None:
    """A wrong control request is a 400 that says why, and changes nothing."""
    async with running() as (emulator, client):
        status, answer = await client.control("POST", name, body)

        assert status == 400
        assert answer["error"]
        assert emulator.portal.faults == ()


async def test_page_is_readable_and_escaped() -> None:
    """The page shows the sessions; content of events can't become markup."""
    async with running() as (_, client):
        await client.update()
        async with client.http.get(client.url) as answer:
            page = await answer.text()

    assert answer.content_type == "text/html"
    assert "Forklift &lt;refresher&gt;" in page
    assert "<refresher>" not in page


async def test_other_addresses_and_methods_count_as_calls() -> None:
    """Whatever is asked of the People host's API counts against the threshold."""
    async with running() as (emulator, client), client.http.get(f"{client.url}/api/v1/courses") as answer:
        assert (answer.status, emulator.audit().calls) == (400, 1)


async def test_close_ends_what_hangs() -> None:
    """Closing does not wait for calls that are never answered."""
    async with running() as (emulator, client):
        emulator.add_fault(Fault("hang"))
        hanging = asyncio.create_task(client.update())
        await until(lambda: emulator.audit().calls)
        began_at = time.monotonic()
        await emulator.close()
        closing_seconds = time.monotonic() - began_at
        with pytest.raises((aiohttp.ClientError, TimeoutError)):
            await hanging

    assert closing_seconds < 1.0


async def test_nothing_of_a_request_is_logged(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a good call nor one that the emulator itself fails at leaves a secret or content in the log."""

    def fail(_: Portal, __: object, request: Request, ___: float) -> Decision:
        raise ValueError(request.authorization)

    caplog.set_level(logging.DEBUG)
    async with running() as (_, client):
        await client.update()
        monkeypatch.setattr(Portal, "decide", fail)
        failed, _ = await client.update()

    text = "\n".join(logging.Formatter().format(record) for record in caplog.records)
    assert failed == 500
    assert "a request failed: ValueError" in text
    assert client.token not in text
    assert "Forklift" not in text

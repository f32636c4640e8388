"""The port's promises over real sockets: People host and accounts host scripted as bytes."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import pytest

from consumer import __version__
from consumer.delivery.mint_budget import MAX_MINTS, MintBudget
from consumer.delivery.verdicts import (
    Applied,
    CallReport,
    CredentialRefused,
    CredentialReplaced,
    DailyQuotaUsed,
    EchoDifference,
    Locked,
    NoAnswer,
    Refused,
    TokenDead,
    TokenThrottled,
    Unreachable,
    Withheld,
)
from consumer.events.mapping import request_target
from consumer.events.model import InputStyle, SessionKey
from consumer.zoho.client import ZohoClient, ZohoRules, open_zoho
from consumer.zoho.oauth import Credential
from tests.unit.zoho.far_side import (
    SESSION_ID,
    Connection,
    FarSide,
    Script,
    answering,
    far_side,
    response,
    token_response,
    until,
)

SESSION = SessionKey("478346000019479103", "478346000019479115", "478346000019479119", SESSION_ID)
PATH = f"/api/v1/courses/{SESSION[0]}/batches/{SESSION[1]}/modules/{SESSION[2]}/sessions/{SESSION[3]}"
DATA = {
    "name": 'Übung + "mehr" & /..?#%2f',
    "trainerErecno": "478346000008251001",
    "type": "0",
    "date": "01-12-2026",
    "startTime": "10:00 AM",
    "endTime": "11:00 AM",
}
CREDENTIAL = Credential("1000.CLIENT", "client-secret", "1000.refresh.token")
NOW = 1_700_000_000.0


def yes() -> bool:
    """Go."""
    return True


@dataclass
class Zoho:
    """Both far sides and the client between."""

    client: ZohoClient
    people: FarSide
    accounts: FarSide

    async def update(self, may_start: Callable[[], bool] = yes) -> CallReport:
        """One call."""
        return await self.client.update_session(SESSION, DATA, may_start)


@asynccontextmanager
async def zoho(
    people_script: Script,
    accounts_script: Script | None = None,
    input_style: InputStyle = "query",
    timeout_seconds: float = 5.0,
    base_path: str = "",
) -> AsyncIterator[Zoho]:
    """A client of these two."""
    async with (
        far_side(people_script) as people,
        far_side(accounts_script or answering(token_response())) as accounts,
    ):
        rules = ZohoRules(people.url + base_path, accounts.url, input_style, timeout_seconds, 4)
        async with open_zoho(rules, CREDENTIAL, lambda: NOW) as client:
            yield Zoho(client, people, accounts)


def split(request: bytes) -> tuple[str, str, dict[str, str], bytes]:
    """Method, target, headers in lower case, body."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, target, _ = first.split(" ")
    return method, target, {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}, body


@pytest.mark.parametrize(
    ("style", "in_query", "content_type"),
    [
        ("query", True, None),
        ("json", False, "application/json"),
        ("form", False, "application/x-www-form-urlencoded"),
        ("both", True, "application/json"),
    ],
)
@pytest.mark.parametrize("base_path", ["", "/proxy/zoho"])
async def test_each_input_style_sends_session_data_where_it_says(
    style: InputStyle, in_query: bool, content_type: str | None, base_path: str
) -> None:
    """The values arrive as they were, whatever characters they have."""
    async with zoho(answering(response()), input_style=style, base_path=base_path) as both:
        report = await both.update()
        method, target, headers, body = split(both.people.requests[0])

    assert report == CallReport(Applied(), sent=True, http_status=200)
    assert (method, target) == ("PATCH", request_target(SESSION, DATA, style, base_path))
    assert urlsplit(target).path == base_path + PATH
    assert headers["authorization"] == "Zoho-oauthtoken 1000.aaaaaaaaaa.bbbbbbbbbb"
    assert headers["user-agent"] == f"session-consumer/{__version__}"
    assert headers.get("content-type") == content_type
    query = parse_qs(urlsplit(target).query, strict_parsing=True) if in_query else {}
    assert ("?" in target) == in_query
    assert [json.loads(text) for text in query.get("sessionData", [])] == [DATA] * in_query
    if content_type == "application/json":
        assert json.loads(body) == DATA
    elif content_type is None:
        assert body == b""
    else:
        assert json.loads(parse_qs(body.decode())["sessionData"][0]) == DATA


@pytest.mark.claim("S-36")
async def test_the_credential_is_in_the_form_body_and_nowhere_else() -> None:
    """URLs and headers end in logs."""
    async with zoho(answering(response())) as both:
        await both.update()
        method, target, headers, body = split(both.accounts.requests[0])

    assert (method, target) == ("POST", "/oauth/v2/token")
    assert parse_qs(body.decode()) == {
        "grant_type": ["refresh_token"],
        "client_id": ["1000.CLIENT"],
        "client_secret": ["client-secret"],
        "refresh_token": ["1000.refresh.token"],
    }
    assert "secret" not in str(headers)
    assert b"1000.refresh.token" not in b"".join(both.people.requests)


async def test_calls_at_the_same_time_share_one_token() -> None:
    """One mint for all."""
    async with zoho(answering(response())) as both:
        reports = await asyncio.gather(*(both.update() for _ in range(8)))

    assert reports == [CallReport(Applied(), sent=True, http_status=200)] * 8
    assert len(both.accounts.requests) == 1


async def test_what_zoho_says_is_judged_and_the_days_quota_read() -> None:
    """Status, code and count reach the report."""
    body = json.dumps({"code": "INVALID_INPUT", "message": "1000.aaaaaaaaaa.bbbbbbbbbb is odd"}).encode()
    async with zoho(answering(response(body, "400 Bad Request", "api-count-left-today: 12\r\n"))) as both:
        report = await both.update()

    assert isinstance(report.verdict, Refused)
    assert (report.sent, report.left_today) == (True, 12)
    assert report.verdict.answer.message == "[secret] is odd"


async def test_an_echo_that_differs_is_named() -> None:
    """The session id of the success is compared with the one that was called."""
    body = b'{"code":200,"message":"success","session":{"sessionId":"1"}}'
    async with zoho(answering(response(body))) as both:
        report = await both.update()

    assert report == CallReport(Applied((EchoDifference("sessionId"),)), sent=True, http_status=200)


async def test_withheld_costs_no_slot_and_sends_nothing() -> None:
    """`may_start` says no once the connection is up."""
    asked = []

    def no() -> bool:
        asked.append(True)
        return False

    async with zoho(answering(response())) as both:
        report = await both.update(no)
        await asyncio.sleep(0.02)

    assert report == CallReport(Withheld(), sent=False)
    assert asked == [True]
    assert both.people.requests == []


async def test_may_start_is_asked_after_the_token_is_there() -> None:
    """A mint takes its time, and the slot's reservation must not grow old meanwhile."""
    async with zoho(answering(response())) as both:
        minted_when_asked = []

        def may_start() -> bool:
            minted_when_asked.append(len(both.accounts.requests))
            return True

        await both.update(may_start)

    assert minted_when_asked == [1]


async def test_a_dead_token_is_reported_and_the_next_call_has_a_new_one() -> None:
    """Repeating is the caller's: it needs a slot."""
    tokens = answering(token_response("1000.first"), token_response("1000.second"))
    async with zoho(answering(response(b"", "401 Unauthorized"), response()), tokens) as both:
        first, second = await both.update(), await both.update()

    assert isinstance(first.verdict, TokenDead)
    assert first.sent
    assert second == CallReport(Applied(), sent=True, http_status=200)
    assert b"Zoho-oauthtoken 1000.second" in both.people.requests[1]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (response(b'{"error":"invalid_code"}'), CredentialRefused),
        (response(b'{"error":"invalid_client"}', "400 Bad Request"), CredentialRefused),
        (response(b'{"error":"Access Denied","status":"failure"}'), TokenThrottled),
        (response(b"<html>Oops</html>", "502 Bad Gateway"), Unreachable),
        (response(b""), Unreachable),
        (response(b"", "302 Found", "Location: http://127.0.0.1:9/\r\n"), Unreachable),
    ],
)
async def test_without_a_token_nothing_is_sent(answer: bytes, kind: type) -> None:
    """The report says why there is none."""
    async with zoho(answering(response()), answering(answer)) as both:
        report = await both.update()

    assert isinstance(report.verdict, kind)
    assert not report.sent
    assert both.people.connections == 0


async def hang(connection: Connection) -> None:
    """Read, and say nothing."""
    await connection.request()
    await connection.reader.read()


async def test_an_accounts_host_that_hangs_is_unreachable_within_the_timeout() -> None:
    """The call time-out is for all of it."""
    async with zoho(answering(response()), hang, timeout_seconds=0.1) as both:
        async with asyncio.timeout(1):
            report = await both.update()

    assert report == CallReport(Unreachable("the accounts host: time-out"), sent=False)


async def test_the_mint_and_the_call_share_one_timeout() -> None:
    """A slow token leaves less for the call; together they never take longer."""

    async def slow_token(connection: Connection) -> None:
        await connection.request()
        await asyncio.sleep(0.15)
        await connection.send(token_response())

    loop = asyncio.get_running_loop()
    async with zoho(hang, slow_token, timeout_seconds=0.25) as both:
        started_at = loop.time()
        report = await both.update()
        took_seconds = loop.time() - started_at

    assert report == CallReport(NoAnswer("the People host: time-out"), sent=True)
    assert 0.24 <= took_seconds < 0.39


async def test_a_people_host_that_is_down_is_unreachable_and_costs_no_slot() -> None:
    """Connection refused: certainly not sent."""
    async with far_side(answering(token_response())) as accounts:
        rules = ZohoRules("http://127.0.0.1:9", accounts.url)
        async with open_zoho(rules, CREDENTIAL, lambda: NOW) as client:
            report = await client.update_session(SESSION, DATA, yes)

    assert isinstance(report.verdict, Unreachable)
    assert report.verdict.reason.startswith("the People host: the connection could not be made")
    assert not report.sent


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 100\r\n\r\n", Locked),
        (
            b"HTTP/1.1 429 Too Many Requests\r\napi-count-left-today: 0\r\nContent-Length: 9\r\n\r\n",
            DailyQuotaUsed,
        ),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"errors":{"code":7209, "message":"API a', Locked),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 100\r\n\r\n", NoAnswer),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"code":200,"message":"success"}', NoAnswer),
    ],
)
async def test_half_an_answer_counts_only_where_it_is_a_lock(head: bytes, kind: type) -> None:
    """Silence at once after a lock; in all else, half a word is none."""

    async def half(connection: Connection) -> None:
        await connection.request()
        await connection.send(head)

    async with zoho(half) as both:
        report = await both.update()

    assert isinstance(report.verdict, kind)
    assert report.sent


async def test_cancelling_a_call_raises_cancelled_and_the_client_works_on() -> None:
    """A stop must not be swallowed, and the token stays."""

    async def first_hangs(connection: Connection) -> None:
        await (hang if connection.far.connections == 1 else answering(response()))(connection)

    async with zoho(first_hangs) as both:
        call = asyncio.create_task(both.update())
        await until(lambda: len(both.people.requests) == 1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

        assert await both.update() == CallReport(Applied(), sent=True, http_status=200)
        assert len(both.accounts.requests) == 1


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
async def test_a_late_no_to_a_credential_that_was_replaced_says_nothing_of_the_new_one(status: str) -> None:
    """Else it would close the account that the new credential has just opened."""
    change: list[Callable[[], None]] = []

    async def slow(connection: Connection) -> None:
        await connection.request()
        change[0]()
        await connection.send(response(b"", status))

    async with zoho(slow) as both:
        change.append(lambda: both.client.tokens.replace_credential(Credential("c", "s", "new")))

        expected = CallReport(CredentialReplaced(), sent=True, http_status=int(status[:3]))
        assert expected == await both.update()


async def test_the_mint_budget_of_the_last_process_is_kept() -> None:
    """The client starts with the state it is given."""
    async with far_side(answering(token_response())) as accounts:
        rules = ZohoRules("http://127.0.0.1:9", accounts.url)
        async with open_zoho(rules, CREDENTIAL, lambda: NOW, MintBudget((NOW,) * MAX_MINTS)) as client:
            report = await client.update_session(SESSION, DATA, yes)

    assert isinstance(report.verdict, TokenThrottled)
    assert report.verdict.wait_seconds == 600
    assert accounts.connections == 0


@pytest.mark.claim("S-30")
async def test_no_report_shows_a_secret_or_content() -> None:
    """Reports end in logs."""
    scripts = [answering(response()), answering(response(b"", "500 Oops")), hang]
    shown = ""
    for script in scripts:
        async with zoho(script, timeout_seconds=0.1) as both:
            shown += repr(await both.update()) + repr(both.client.tokens.mint_budget)

    for secret in ("client-secret", "refresh.token", "aaaaaaaaaa", "bung", "sessionData"):
        assert secret not in shown

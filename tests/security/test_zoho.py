"""What can be done by answering as Zoho, or from a proxy on the way, over real sockets."""

import asyncio
import io
import json
import os
import ssl
import sys
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from consumer.check.rows import Group
from consumer.check.zoho_rows import TokenAnswers, ZohoAccess, clock_row, judged
from consumer.delivery.verdicts import Applied, CredentialRefused, Failed, NoAnswer, Unreachable
from consumer.zoho.oauth import AccessToken
from tests.kafka_broker.security import make_certificates
from tests.logs import everything_logged
from tests.unit.zoho.far_side import (
    SUCCESS,
    Connection,
    Script,
    answering,
    far_side,
    response,
    token_response,
)
from tests.unit.zoho.test_client import DATA, zoho

TOKEN = "1000.aaaaaaaaaa.bbbbbbbbbb"
SECRETS = (TOKEN, "aaaaaaaaaa", "client-secret", "1000.refresh.token")


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that is logged, at the most talkative level an operator can choose."""
    with everything_logged() as stream:
        yield stream


# The token and the event's text, wherever an answer has room for them.
SAID = f"Zoho-oauthtoken {TOKEN} client-secret 1000.refresh.token"
REPEATING = (
    response(b"", f"500 {SAID}"),
    response(headers=f"Set-Cookie: {SAID}=1\r\n"),
    response(headers=f"Set-Cookie: {TOKEN}/=1\r\n"),
    response(headers=f"{TOKEN}: {SAID}\r\nRetry-After: {SAID}\r\nDate: {SAID}\r\n"),
    response(headers=f"Content-Encoding: {TOKEN}\r\n"),
    response(headers=f"Transfer-Encoding: {TOKEN}\r\n"),
    response(headers=f"Content-Length: {TOKEN}\r\n"),
    response(b"", "302 Found", f"Location: https://example.com/{TOKEN}\r\n"),
    response(b"", f"{TOKEN} {SAID}"),
    f"HTTP/1.1 {SAID}\r\n\r\n".encode(),
    f"{SAID}\r\n\r\n".encode(),
    f"HTTP/1.1 200 OK\r\nbad header {SAID}\r\n\r\n".encode(),
    f"HTTP/1.1 200 OK\r\n{TOKEN}\x01: 1\r\n\r\n".encode(),
    f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{SAID}\r\n".encode(),
    f"HTTP/1.1 103 Early\r\nLink: {SAID}\r\n\r\n".encode() + response(b"", "500 Oops"),
    response(json.dumps({"error": SAID, "message": SAID, "code": SAID[:99]}).encode(), "400 Bad"),
    response(json.dumps({"code": TOKEN, "title": TOKEN}).encode(), "400 Bad"),
    response(f"<h1>{SAID}</h1>".encode(), "502 Bad Gateway"),
)


@pytest.mark.claim("S-30")
@pytest.mark.parametrize("answer", REPEATING)
async def test_an_answer_that_repeats_the_token_puts_it_nowhere(answer: bytes, log: io.StringIO) -> None:
    """Neither into the log, of ours or of a library, nor into what becomes a reason or a header."""
    for people, accounts in ((answer, token_response()), (response(), answer)):
        async with zoho(answering(people), answering(accounts), timeout_seconds=1) as both:
            report = await both.update()

        shown = repr(report) + log.getvalue()
        assert not [secret for secret in SECRETS if secret in shown]
        assert DATA["name"] not in shown


@pytest.mark.claim("S-31")
async def test_no_answer_leads_to_another_host() -> None:
    """Redirects of every kind from both hosts, `Link`, `Refresh`, `Alt-Svc`, the token's `api_domain`."""
    async with far_side(answering(response())) as elsewhere:
        there = elsewhere.url
        led = f"Location: {there}/\r\nRefresh: 0; url={there}\r\nLink: <{there}>\r\n"
        led += f'Alt-Svc: h2="{there[7:]}"\r\n'
        token = json.dumps({"access_token": "t", "expires_in": 3600, "api_domain": there}).encode()
        for status in (
            "301 M",
            "302 F",
            "303 S",
            "307 T",
            "308 P",
            "300 C",
            "305 U",
            "401 U",
            "407 P",
            "426 U",
        ):
            for people, accounts in (
                (response(b"", status, led), response(token)),
                (response(), response(b"", status, led)),
            ):
                async with zoho(answering(people), answering(accounts)) as both:
                    report = await both.update()
                    assert not isinstance(report.verdict, Applied)

    assert 0 == elsewhere.connections


async def _endless(connection: Connection, head: bytes, more: bytes) -> None:
    await connection.request()
    await connection.send(head)
    while True:
        await connection.send(more)
        await asyncio.sleep(0)


def endless(head: bytes, more: bytes) -> Script:
    """An answer without end."""
    return lambda connection: _endless(connection, head, more)


OK = b"HTTP/1.1 200 OK\r\n"
ENDLESS = {
    "header lines": endless(OK, b"X-A: " + b"b" * 1000 + b"\r\n"),
    "one header line": endless(OK + b"X-A: ", b"b" * 65_536),
    "interim answers": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "a status line": endless(b"HTTP/1.1 200 ", b"b" * 65_536),
    "chunk extensions": endless(OK + b"Transfer-Encoding: chunked\r\n\r\n1;", b"e" * 65_536),
    "tiny chunks": endless(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 2_000),
    "trailers": endless(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-A: b\r\n" * 2_000),
    "a body": endless(OK + b"\r\n", b"x" * 65_536),
    "empty gzip members": endless(
        OK + b"Content-Encoding: gzip\r\n\r\n", zlib.compress(b"", wbits=31) * 2_000
    ),
}


@pytest.mark.claim("S-32")
@pytest.mark.parametrize("kind", ENDLESS)
async def test_an_answer_without_end_takes_neither_time_nor_memory(kind: str) -> None:
    """It ends with the call's time-out at the latest, within 16 MiB, and the loop goes on turning."""
    tracemalloc.start()
    try:
        async with zoho(ENDLESS[kind], timeout_seconds=1.0) as both:
            began = time.monotonic()
            report = await both.update()
            took = time.monotonic() - began
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert isinstance(report.verdict, Failed | NoAnswer)
    assert took < 2.0
    assert most < 16 * 1_048_576


@pytest.mark.claim("S-33")
@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_an_answer_that_unpacks_to_gigabytes_is_cut(encoding: str) -> None:
    """One of 1 GiB in 1 MB, from either host: 32 MiB of memory at most, and no success."""
    packer = zlib.compressobj(9, wbits=31 if encoding == "gzip" else 15)
    packed = packer.compress(SUCCESS)
    packed += b"".join(packer.compress(b" " * 1_048_576) for _ in range(1_024)) + packer.flush()
    bomb = response(packed, headers=f"Content-Encoding: {encoding}\r\n")
    tracemalloc.start()
    try:
        async with zoho(answering(bomb)) as both:
            people = await both.update()
        async with zoho(answering(response()), answering(bomb)) as both:
            accounts = await both.update()
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert isinstance(people.verdict, Failed)
    assert isinstance(accounts.verdict, Unreachable)
    assert most < 32 * 1_048_576


@pytest.mark.claim("S-34")
async def test_no_proxy_and_no_login_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Neither from `http_proxy` and its kind nor from `.netrc`: the token goes where the settings say."""
    netrc = tmp_path_factory.mktemp("home") / "netrc"
    netrc.write_text("machine 127.0.0.1 login eve password stolen\n")
    async with far_side(answering(response())) as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv("NETRC", str(netrc))
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        async with zoho(answering(response())) as both:
            report = await both.update()
            asked = both.people.requests + both.accounts.requests

    assert Applied() == report.verdict
    assert 0 == proxy.connections
    assert not [each for each in asked if b"Basic" in each]


_CALL = """
import asyncio, sys
from yarl import URL
from consumer.zoho.wire import HttpRequest, open_wire
async def main():
    async with open_wire("agent/1", 1) as wire:
        request = HttpRequest("GET", URL(sys.argv[1]), {"Authorization": "t"})
        print(type(await wire.exchange(request, 5)).__name__)
asyncio.run(main())
"""


@pytest.mark.claim("S-35")
async def test_a_certificate_counts_only_for_its_own_name(tmp_path: Path) -> None:
    """One that is trusted, of another host: no byte of the request goes there.

    In a process of its own, since the trusted authorities are read once.
    """
    files = make_certificates(tmp_path / "certificates")
    if files is None:
        pytest.skip("makes its certificates with openssl")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "certificates" / "broker.pem", tmp_path / "certificates" / "broker.key")
    said = []
    async with far_side(answering(response()), tls) as far:
        for host in ("127.0.0.1", "localhost"):
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", _CALL, f"https://{host}:{far.port}/"),
                env={**os.environ, "SSL_CERT_FILE": str(files.authority)},
                stdout=asyncio.subprocess.PIPE,
            )
            said.append((await process.communicate())[0].decode().strip())

    assert ["Answer", "Interrupted"] == said
    assert 1 == len(far.requests)


ODD: tuple[object, ...] = (
    *("http://[", "https://www.zohoapis.[x", "\x1b[2J", ""),
    *(TOKEN, "1000.refresh.token", "client-secret", [], {"a": 1}, 7),
)


@pytest.mark.claim("S-82")
@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_check_repeats_nothing_odd_that_the_accounts_host_says(odd: object) -> None:
    """It knows the credential and may say it again, or something that is no URL and no date."""
    answers = TokenAnswers(content={"scope": odd, "api_domain": odd, "error": odd}, date=str(odd))
    access = ZohoAccess("https://people.zoho.com", "https://accounts.zoho.com", None, 15.0, 1.0)
    outcomes = (AccessToken(TOKEN), CredentialRefused("refused"), Unreachable("away"))

    rows = [row for each in outcomes for row in judged(each, answers, access, Group("zoho"))]
    rows.append(clock_row(answers, 1.0, "default"))

    said = " ".join(f"{row.subject} {row.found} {row.todo}" for row in rows)
    assert not [each for each in (*SECRETS, "\x1b") if each in said]

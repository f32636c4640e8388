"""One exchange over a real socket: what arrives, what is bounded, what counts as sent."""

import asyncio
import gzip
import ssl
import subprocess
import time
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from shutil import which

import pytest
from yarl import URL

from consumer.delivery.verdicts import NoAnswer, Unreachable, Withheld
from consumer.zoho.answer import MAX_BODY_BYTES, Answer
from consumer.zoho.errors import Interrupted, verdict_on
from consumer.zoho.wire import HttpRequest, Wire, open_wire
from tests.unit.zoho.far_side import SUCCESS, Connection, FarSide, answering, far_side, response, until


def patch(url: str, body: bytes | None = None) -> HttpRequest:
    """A request as the client makes it."""
    return HttpRequest("PATCH", URL(url + "/x?sessionData=%7B%2B%20%7D", encoded=True), {"X": "1"}, body)


async def exchange_with(
    script: Callable[[Connection], object],
    timeout_seconds: float = 5.0,
    body: bytes | None = None,
    may_start: Callable[[], bool] = lambda: True,
) -> tuple[Answer | Interrupted, FarSide]:
    """One exchange with a far side of its own."""
    async with far_side(script) as far, open_wire("agent/1", 2) as wire:  # type: ignore[arg-type]
        return await wire.exchange(patch(far.url, body), timeout_seconds, may_start), far


async def test_the_request_arrives_exactly_as_given() -> None:
    """Nothing is encoded again, nothing is added that was not meant."""
    came, far = await exchange_with(answering(response()))

    assert came == Answer(200, SUCCESS)
    host = f"127.0.0.1:{far.port}"
    assert far.requests[0].decode() == (
        f"PATCH /x?sessionData=%7B%2B%20%7D HTTP/1.1\r\nHost: {host}\r\nAccept: application/json\r\n"
        "Accept-Encoding: gzip, deflate\r\nUser-Agent: agent/1\r\nX: 1\r\nContent-Length: 0\r\n\r\n"
    )


@pytest.mark.parametrize("body", [None, b"{}" * 1_000])
async def test_withheld_means_not_one_byte_and_a_healthy_pool(body: bytes | None) -> None:
    """`may_start` is asked with the connection up; a no leaves it open, on new and kept connections."""
    async with far_side(answering(response())) as far, open_wire("agent/1", 1) as wire:
        connections_when_asked = []

        def no() -> bool:
            connections_when_asked.append(far.connections)
            return False

        first = await wire.exchange(patch(far.url, body), 5, no)
        await until(lambda: far.connections == 1)
        await asyncio.sleep(0.02)
        assert far.requests == []
        yes = await wire.exchange(patch(far.url, body), 5)
        second = await wire.exchange(patch(far.url, body), 5, no)
        await asyncio.sleep(0.02)
        again = await wire.exchange(patch(far.url, body), 5)

    assert [isinstance(first, Interrupted), isinstance(second, Interrupted)] == [True, True]
    assert isinstance(first, Interrupted)
    assert (verdict_on(first, "host"), first.started) == (Withheld(), False)
    assert yes == again == Answer(200, SUCCESS)
    assert len(far.requests) == 2
    assert far.connections == 1


async def test_a_no_in_many_calls_at_once_starves_nobody() -> None:
    """Every connection comes back to the pool."""
    async with far_side(answering(response())) as far, open_wire("agent/1", 2) as wire:
        withheld = await asyncio.gather(*(wire.exchange(patch(far.url), 5, lambda: False) for _ in range(20)))
        served = await asyncio.gather(*(wire.exchange(patch(far.url), 5) for _ in range(20)))

    assert all(isinstance(came, Interrupted) and not came.started for came in withheld)
    assert served == [Answer(200, SUCCESS)] * 20
    assert len(far.requests) == 20


async def test_a_refused_connection_is_unreachable() -> None:
    """Certainly nothing was sent."""
    async with far_side(answering(response())) as far:
        url = far.url
    async with open_wire("agent/1", 1) as wire:
        came = await wire.exchange(patch(url), 5)

    assert isinstance(came, Interrupted)
    assert not came.started
    assert verdict_on(came, "host") == Unreachable("host: the connection could not be made (errno 111)")


async def test_a_name_that_does_not_resolve_is_unreachable() -> None:
    """DNS comes before any byte."""
    async with open_wire("agent/1", 1) as wire:
        came = await wire.exchange(patch("http://no-such-host.invalid"), 10)

    assert isinstance(came, Interrupted)
    verdict = verdict_on(came, "host")
    assert isinstance(verdict, Unreachable)
    assert "name could not be resolved" in verdict.reason


@pytest.fixture
def stranger(tmp_path: Path) -> ssl.SSLContext:
    """A TLS server whose certificate nobody signed."""
    if which("openssl") is None:
        pytest.skip("makes its certificate with openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
            *("-subj", "/CN=localhost", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    return tls


@pytest.mark.claim("S-35")
async def test_a_certificate_that_is_not_trusted_is_unreachable(stranger: ssl.SSLContext) -> None:
    """A TLS failure comes before the request, and no secret goes to a stranger."""
    async with far_side(answering(response()), stranger) as far, open_wire("agent/1", 1) as wire:
        came = await wire.exchange(patch(far.url.replace("http:", "https:")), 5)

    assert isinstance(came, Interrupted)
    assert verdict_on(came, "host") == Unreachable("host: the TLS certificate is not trusted")
    assert far.requests == []


async def close_at_once(connection: Connection) -> None:
    """Read the request, then close without a word."""
    await connection.request()


async def reset_at_once(connection: Connection) -> None:
    """Read the request, then reset."""
    await connection.request()
    connection.reset()


async def half_an_answer(connection: Connection) -> None:
    """Close in the middle of the body."""
    await connection.request()
    await connection.send(response()[:-10])


async def half_a_head(connection: Connection) -> None:
    """Close in the middle of the head."""
    await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\nContent-")


async def no_http(connection: Connection) -> None:
    """Something else."""
    await connection.request()
    await connection.send(b"\x00\x01 this is no HTTP\r\n\r\n")


async def bad_gzip(connection: Connection) -> None:
    """Claims to be packed, and is not."""
    await connection.request()
    await connection.send(response(b"not gzip at all", headers="Content-Encoding: gzip\r\n"))


async def huge_head(connection: Connection) -> None:
    """A header line without end."""
    await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_000_000 + b"\r\n\r\n")


@pytest.mark.parametrize(
    "script", [close_at_once, reset_at_once, half_an_answer, half_a_head, no_http, bad_gzip, huge_head]
)
@pytest.mark.parametrize("body", [None, b"{}"])
async def test_what_breaks_after_sending_is_no_answer_and_is_never_repeated(
    script: Callable[[Connection], object], body: bytes | None
) -> None:
    """It may have been applied: one request, `sent`, and a reason without any content."""
    came, far = await exchange_with(script, body=body)

    assert isinstance(came, Interrupted)
    assert came.started
    verdict = verdict_on(came, "the People host")
    assert isinstance(verdict, NoAnswer)
    assert verdict.reason.startswith("the People host: ")
    assert "sessionData" not in verdict.reason
    assert len(far.requests) == 1


async def hang(connection: Connection) -> None:
    """Read, and say nothing."""
    await connection.request()
    await connection.reader.read()


async def drip(connection: Connection) -> None:
    """A byte now and then, so that the connection never looks idle."""
    await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        await connection.send(b" ")
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("script", [hang, drip])
async def test_the_timeout_is_for_the_whole_call_and_resets_the_connection(
    script: Callable[[Connection], object],
) -> None:
    """Not rounded to whole seconds, not renewed by each byte; the far side sees the end at once."""
    started_at = time.monotonic()
    async with far_side(script) as far, open_wire("agent/1", 1) as wire:  # type: ignore[arg-type]
        came = await wire.exchange(patch(far.url), 0.15)
        took_seconds = time.monotonic() - started_at
        await until(lambda: far.ended == 1)

    assert isinstance(came, Interrupted)
    assert (verdict_on(came, "host"), came.started) == (NoAnswer("host: time-out"), True)
    assert 0.14 <= took_seconds < 1.0
    assert [type(error) for error in far.errors] == [ConnectionResetError]


async def test_a_request_that_is_given_up_does_not_go_on_arriving() -> None:
    """What the far side has not taken yet is discarded, so it can't arrive after its slot is free."""
    body = b"x" * 20_000_000
    reading = asyncio.Event()
    got = 0

    async def late_reader(connection: Connection) -> None:
        nonlocal got
        await reading.wait()
        while chunk := await connection.reader.read(65_536):
            got += len(chunk)

    async with far_side(late_reader) as far, open_wire("agent/1", 1) as wire:
        came = await wire.exchange(patch(far.url, body), 0.1)
        reading.set()
        await until(lambda: far.ended == 1)

    assert isinstance(came, Interrupted)
    assert came.started
    assert got < len(body)
    assert [type(error) for error in far.errors] == [ConnectionResetError]


async def test_cancelling_goes_through_and_leaves_a_healthy_pool() -> None:
    """Whoever cancels gets CancelledError, and the next call works."""

    async def first_hangs(connection: Connection) -> None:
        if connection.far.connections == 1:
            await hang(connection)
        else:
            await answering(response())(connection)

    async with far_side(first_hangs) as far, open_wire("agent/1", 1) as wire:
        call = asyncio.create_task(wire.exchange(patch(far.url), 5))
        await until(lambda: len(far.requests) == 1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await until(lambda: far.ended == 1)

        assert await wire.exchange(patch(far.url), 5) == Answer(200, SUCCESS)


async def test_a_kept_connection_that_the_far_side_closed_is_not_retried_in_secret() -> None:
    """Closed with the request on its way: no answer, sent, one request. Closed before: a new connection."""

    async def one_answer_then_close(connection: Connection) -> None:
        await connection.request()
        await connection.send(response())
        if connection.far.connections == 1:
            await connection.request()
            connection.reset()

    async with far_side(one_answer_then_close) as far, open_wire("agent/1", 1) as wire:
        assert await wire.exchange(patch(far.url), 5) == Answer(200, SUCCESS)
        second = await wire.exchange(patch(far.url), 5)
        assert await wire.exchange(patch(far.url), 5) == Answer(200, SUCCESS)
        await until(lambda: far.ended == 2)
        await asyncio.sleep(0.02)
        assert await wire.exchange(patch(far.url), 5) == Answer(200, SUCCESS)

    assert isinstance(second, Interrupted)
    assert second.started
    assert isinstance(verdict_on(second, "host"), NoAnswer)
    assert len(far.requests) == 4
    assert far.connections == 3


async def test_a_long_answer_is_cut_at_a_mebibyte() -> None:
    """And the rest is not read."""
    came, _ = await exchange_with(answering(response(b"x" * (MAX_BODY_BYTES + 1))))

    assert came == Answer(200, b"x" * MAX_BODY_BYTES, truncated=True)


async def test_an_answer_of_a_mebibyte_is_whole() -> None:
    """The bound itself is allowed."""
    came, _ = await exchange_with(answering(response(b"x" * MAX_BODY_BYTES)))

    assert came == Answer(200, b"x" * MAX_BODY_BYTES)


async def endless(connection: Connection) -> None:
    """A body without end."""
    await connection.request()
    await connection.send(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        await connection.send(b"x" * 65_536)


async def test_a_body_without_end_is_cut_too() -> None:
    """No Content-Length, no end."""
    came, _ = await exchange_with(endless)

    assert came == Answer(200, b"x" * MAX_BODY_BYTES, truncated=True)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_an_unpacking_bomb_is_bounded_in_memory(encoding: str) -> None:
    """200 MB in 200 kB: a few MiB are unpacked, and no more."""
    packer = zlib.compressobj(9, wbits=31 if encoding == "gzip" else 15)
    bomb = b"".join(packer.compress(b"\0" * 1_000_000) for _ in range(200)) + packer.flush()
    tracemalloc.start()
    try:
        came, _ = await exchange_with(answering(response(bomb, headers=f"Content-Encoding: {encoding}\r\n")))
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert came == Answer(200, b"\0" * MAX_BODY_BYTES, truncated=True)
    assert peak_bytes < 8 * MAX_BODY_BYTES


async def test_a_packed_answer_is_unpacked() -> None:
    """Gzip is what Zoho's front end uses."""
    came, _ = await exchange_with(
        answering(response(gzip.compress(SUCCESS), headers="Content-Encoding: gzip\r\n"))
    )

    assert came == Answer(200, SUCCESS)


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    """The token goes to nobody else."""
    async with far_side(answering(response())) as elsewhere:
        moved = response(b"", "302 Found", f"Location: {elsewhere.url}/\r\n")
        came, far = await exchange_with(answering(moved))

    assert came == Answer(302, b"")
    assert len(far.requests) == 1
    assert elsewhere.connections == 0


@pytest.mark.claim("S-34")
async def test_cookies_are_not_kept_and_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a proxy nor a session of the front end's comes between."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    answer = response(headers="Set-Cookie: JSESSIONID=1; Path=/\r\n")
    async with far_side(answering(answer)) as far, open_wire("agent/1", 1) as wire:
        await wire.exchange(patch(far.url), 5)
        came = await wire.exchange(patch(far.url), 5)

    assert came == Answer(200, SUCCESS)
    assert b"ookie" not in far.requests[1]


@pytest.mark.parametrize(
    ("header", "left"),
    [
        ("14809", 14_809),
        ("0", 0),
        (" 7 ", 7),
        ("-1", None),
        ("many", None),
        ("9" * 30, None),
        ("1.5", None),
        ("٣", None),
    ],
)
async def test_the_days_quota_is_read_where_it_is_a_sound_number(header: str, left: int | None) -> None:
    """Anything absurd is ignored."""
    came, _ = await exchange_with(
        answering(response(headers=f"api-count-left-today: {header}\r\n".encode().decode("latin-1")))
    )

    assert came == Answer(200, SUCCESS, left_today=left)


async def test_a_full_pool_that_never_frees_is_unreachable_within_the_timeout() -> None:
    """Waiting for a connection is no sending."""
    async with far_side(hang) as far, open_wire("agent/1", 1) as wire:
        busy = asyncio.create_task(wire.exchange(patch(far.url), 5))
        await until(lambda: len(far.requests) == 1)
        came = await wire.exchange(patch(far.url), 0.05)
        busy.cancel()

    assert isinstance(came, Interrupted)
    assert verdict_on(came, "host") == Unreachable("host: time-out")


def test_a_request_shows_nothing_but_its_method() -> None:
    """URL, headers and body hold contents and tokens."""
    assert repr(patch("http://localhost", b"secret")) == "HttpRequest(method='PATCH')"


async def test_a_wire_is_closed_with_its_connections() -> None:
    """Nothing is left open."""
    async with far_side(answering(response())) as far:
        async with open_wire("agent/1", 1) as wire:
            assert isinstance(wire, Wire)
            await wire.exchange(patch(far.url), 5)
        await until(lambda: far.ended == 1)

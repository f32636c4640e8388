"""The way to a host, over real sockets: each step that can fail, failed once."""

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from consumer.check import network
from consumer.check.network import Endpoint, way_to
from consumer.check.rows import Gravity, Group, Row
from tests.kafka_broker.security import Certificates, make_certificates
from tests.leash import free_port

GROUP = Group("network")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """For 127.0.0.1, by an authority of their own."""
    made = make_certificates(tmp_path_factory.mktemp("tls") / "made")
    if made is None:
        pytest.skip("no openssl to make certificates with")
    return made


@asynccontextmanager
async def listening(tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A port that takes connections, with TLS or without, and says nothing more."""

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


def speaking_tls(certificates: Certificates) -> ssl.SSLContext:
    """The far side's."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.broker_keystore)
    return context


async def way(port: int, authority: Path | None = None, host: str = "127.0.0.1") -> list[Row]:
    """The rows, by TLS where an authority is given."""
    tls = None if authority is None else ssl.create_default_context(cafile=str(authority))
    endpoint = Endpoint(host, port, "THE_SETTING", tls, "THE_AUTHORITY", Gravity.REFUSED)
    return await way_to(endpoint, GROUP)


async def test_an_open_port_behind_a_name() -> None:
    """The name's addresses, and the port."""
    async with listening() as port:
        name, opened = await way(port, host="localhost")

    assert "127.0.0.1" in name.found
    assert opened.found == "open"


async def test_a_name_that_nobody_knows_ends_the_way() -> None:
    """No port is tried behind it."""
    [row] = await way(9092, host="nowhere.invalid")

    assert (row.gravity, row.subject) == (Gravity.UNREACHABLE, "nowhere.invalid:9092 DNS")
    assert "THE_SETTING" in row.todo


def test_a_name_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a ✗, and the end waits for no answer either."""
    never = threading.Event()

    def look_up(*_: object, **__: object) -> list[object]:
        never.wait(30)
        return []

    monkeypatch.setattr(network, "STEP_SECONDS", 0.05)
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    started = time.monotonic()
    try:
        [row] = asyncio.run(way(9092, host="slow.example.org"))
        assert time.monotonic() - started < 5
    finally:
        never.set()

    assert row.found == "no answer in 0.05 s"


async def test_a_closed_port() -> None:
    """With the system's own word for it."""
    [row] = await way(free_port())

    assert (row.gravity, row.found) == (Gravity.UNREACHABLE, "can't be reached (Connection refused)")


async def test_a_certificate_that_is_good(certificates: Certificates) -> None:
    """TLS version, names, and when it ends."""
    async with listening(speaking_tls(certificates)) as port:
        _, tls = await way(port, certificates.authority)

    assert tls.gravity is None
    assert tls.found.startswith("TLSv1.3, certificate for 127.0.0.1, valid until ")


async def test_a_certificate_of_another_authority(certificates: Certificates) -> None:
    """What to give is said, not just that it failed."""
    async with listening(speaking_tls(certificates)) as port:
        _, tls = await way(port, certificates.stranger)

    assert tls.gravity is Gravity.REFUSED
    assert "not trusted" in tls.found
    assert tls.todo == "Give the authority that signed it: THE_AUTHORITY."


async def test_a_certificate_for_another_name(certificates: Certificates) -> None:
    """The name is at fault."""
    async with listening(speaking_tls(certificates)) as port:
        rows = await way(port, certificates.authority, host="localhost")

    assert rows[-1].gravity is Gravity.REFUSED
    assert "Use a name in THE_SETTING" in rows[-1].todo


async def test_a_port_that_says_nothing_to_tls(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is open, and no handshake comes: bounded."""
    monkeypatch.setattr(network, "STEP_SECONDS", 0.3)
    async with listening() as port:
        opened, tls = await way(port, certificates.authority)

    assert opened.gravity is None
    assert tls.gravity is Gravity.UNREACHABLE
    assert "no TLS handshake in 0.3 s" in tls.found


async def test_a_port_that_speaks_something_else(certificates: Certificates) -> None:
    """As a plain HTTP or Kafka listener does."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        _, tls = await way(server.sockets[0].getsockname()[1], certificates.authority)

    assert tls.gravity is Gravity.REFUSED
    assert "does this port speak TLS?" in tls.found


def test_an_ipv6_address_is_shown_with_brackets() -> None:
    """So that its port can be told apart."""
    assert str(Endpoint("::1", 9092, "s", None, "a")) == "[::1]:9092"

"""The way to a host: its name, its port, its certificate. Every step is bounded."""

import asyncio
import ipaddress
import os
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from consumer.check.rows import Gravity, Group, Row

STEP_SECONDS = 5.0
_ADDRESSES_SHOWN = 4
_NAMES_SHOWN = 4
_DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host to reach. `setting` says where its name stands; `tls` is None where it is spoken to plainly.

    `untrusted`: how grave a certificate is that isn't trusted.
    """

    host: str
    port: int
    setting: str
    tls: ssl.SSLContext | None
    authority: str
    untrusted: Gravity = Gravity.UNREACHABLE

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


async def way_to(endpoint: Endpoint, group: Group) -> list[Row]:
    """A row for the name, one for the port, one for TLS; those behind a ✗ are not checked."""
    rows: list[Row] = []
    steps = [] if _is_address(endpoint.host) else [_name]
    steps += [_port] if endpoint.tls is None else [_port, _certificate]
    for step in steps:
        if rows and rows[-1].gravity is not None:
            break
        rows.append(await step(endpoint, group))
    return rows


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


async def _name(endpoint: Endpoint, group: Group) -> Row:
    subject = f"{endpoint} DNS"
    try:
        async with asyncio.timeout(STEP_SECONDS):
            found = await _look_up(endpoint.host, endpoint.port)
    except TimeoutError:
        why = f"no answer in {STEP_SECONDS:g} s"
        return group.bad(Gravity.UNREACHABLE, subject, why, "Check the name server of this host or pod.")
    except OSError as exc:
        return group.bad(
            Gravity.UNREACHABLE,
            subject,
            f"the name is not known here ({exc.strerror})",
            f"Check the name in {endpoint.setting}, and the name server of this host or pod.",
        )
    return group.ok(subject, _listed(found, _ADDRESSES_SHOWN))


def _look_up(host: str, port: int) -> "asyncio.Future[list[str]]":
    """The addresses of a name, in a thread that nobody waits for at the end: the loop would for its own."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[list[str]] = loop.create_future()

    def tell(found: list[str] | OSError) -> None:
        if future.done():
            return
        if isinstance(found, OSError):
            future.set_exception(found)
        else:
            future.set_result(found)

    def ask() -> None:
        found: list[str] | OSError
        try:
            every = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found = list(dict.fromkeys(str(each[4][0]) for each in every))
        except OSError as exc:
            found = exc
        with suppress(RuntimeError):  # the loop is closed: nobody wants to know any more
            loop.call_soon_threadsafe(tell, found)

    threading.Thread(target=ask, daemon=True, name=f"look up {host}").start()
    return future


async def _port(endpoint: Endpoint, group: Group) -> Row:
    subject = f"{endpoint} port"
    check = f"Check the port in {endpoint.setting}, and firewalls and network policies on the way."
    try:
        async with asyncio.timeout(STEP_SECONDS):
            _, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
    except TimeoutError:
        return group.bad(Gravity.UNREACHABLE, subject, f"no answer in {STEP_SECONDS:g} s", check)
    except OSError as exc:
        why = os.strerror(exc.errno) if exc.errno else type(exc).__name__
        return group.bad(Gravity.UNREACHABLE, subject, f"can't be reached ({why})", check)
    writer.close()
    return group.ok(subject, "open")


async def _certificate(endpoint: Endpoint, group: Group) -> Row:
    subject = f"{endpoint} TLS"
    try:
        async with asyncio.timeout(STEP_SECONDS):
            _, writer = await asyncio.open_connection(
                endpoint.host, endpoint.port, ssl=endpoint.tls, server_hostname=endpoint.host
            )
    except TimeoutError:
        why = f"the port is open, but there is no TLS handshake in {STEP_SECONDS:g} s"
        return group.bad(Gravity.UNREACHABLE, subject, why, f"Check the port in {endpoint.setting}.")
    except ssl.SSLCertVerificationError as exc:
        why = f"the certificate is not trusted: {exc.verify_message.rstrip('.')}"
        return group.bad(endpoint.untrusted, subject, why, _trust(exc, endpoint))
    except (ssl.SSLError, ConnectionError) as exc:
        why = getattr(exc, "reason", None) or type(exc).__name__
        return group.bad(
            endpoint.untrusted,
            subject,
            f"no TLS handshake ({why}): does this port speak TLS?",
            f"Check the port in {endpoint.setting}, and the protocol that is spoken there.",
        )
    except OSError as exc:
        return group.bad(Gravity.UNREACHABLE, subject, f"failed ({type(exc).__name__})", "Try again.")
    shown = _shown(writer.get_extra_info("peercert") or {}, writer.get_extra_info("ssl_object"))
    writer.close()
    return group.ok(subject, shown)


def _trust(exc: ssl.SSLCertVerificationError, endpoint: Endpoint) -> str:
    said = exc.verify_message.lower()
    if "mismatch" in said:
        return f"Use a name in {endpoint.setting} that the certificate has, or have it issued for this one."
    if "expired" in said or "not yet valid" in said:
        return "Renew the certificate, or set this host's clock."
    return f"Give the authority that signed it: {endpoint.authority}."


def _shown(certificate: dict[str, object], connection: ssl.SSLObject | None) -> str:
    alternatives = certificate.get("subjectAltName")
    names = [str(value) for _, value in alternatives] if isinstance(alternatives, Sequence) else []
    parts = [str(connection.version())] if connection is not None else []
    if names:
        parts.append(f"certificate for {_listed(names, _NAMES_SHOWN)}")
    ends = certificate.get("notAfter")
    if isinstance(ends, str):
        days = (ssl.cert_time_to_seconds(ends) - time.time()) / _DAY_SECONDS
        parts.append(f"valid for {days:.0f} more days" if days >= 2 else f"valid until {ends}")  # noqa: PLR2004
    return ", ".join(parts)


def _listed(names: Sequence[str], at_most: int) -> str:
    more = f" and {len(names) - at_most} more" if len(names) > at_most else ""
    return ", ".join(names[:at_most]) + more

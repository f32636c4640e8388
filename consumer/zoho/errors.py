"""The one table from what aiohttp and the system raise to what it means for a call."""

import asyncio
import socket
import ssl
from dataclasses import dataclass

import aiohttp

from consumer.delivery.verdicts import NoAnswer, Unreachable, Verdict, Withheld
from consumer.zoho.answer import Answer


class StartRefusedError(Exception):
    """`may_start` said no: raised between the connection and the first byte."""


class ConnectionGoneError(Exception):
    """The connection was found closed before the first byte was written."""


# What the network may raise from a call; anything else is a bug of ours and goes up.
NETWORK_ERRORS = (
    aiohttp.ClientError,
    OSError,  # TimeoutError among them
    asyncio.IncompleteReadError,
    StartRefusedError,
    ConnectionGoneError,
)


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A call that ended without a whole answer.

    `started`: its first byte may have left. `partial`: what came of the answer, from its head on.
    """

    error: BaseException
    started: bool
    partial: Answer | None = None


# First match counts. Texts are ours: aiohttp's hold the URL, and with it the event's contents.
_REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (ConnectionGoneError, "the connection was closed before the request was written"),
    (aiohttp.ClientConnectorDNSError, "the host's name could not be resolved"),
    (socket.gaierror, "the host's name could not be resolved"),
    (aiohttp.ClientConnectorCertificateError, "the TLS certificate is not trusted"),
    (ssl.SSLCertVerificationError, "the TLS certificate is not trusted"),
    (aiohttp.ClientSSLError, "the TLS handshake failed"),
    (ssl.SSLError, "TLS failed"),
    (TimeoutError, "time-out"),
    (aiohttp.ClientConnectorError, "the connection could not be made"),
    (aiohttp.ServerDisconnectedError, "the connection was closed without an answer"),
    (ConnectionError, "the connection was reset"),
    (aiohttp.ClientResponseError, "the answer is no sound HTTP"),
    (aiohttp.ClientPayloadError, "the answer broke off"),
    (asyncio.IncompleteReadError, "the answer broke off"),
    (aiohttp.ClientError, "the connection failed"),
    (OSError, "the connection failed"),
)


def reason_of(error: BaseException, host: str) -> str:
    """One sentence for operators: which host, what happened; no URL, no content, no secret."""
    text = next((text for kind, text in _REASONS if isinstance(error, kind)), "the call failed")
    return f"{host}: {text}{_errno(error)}"


def verdict_on(interrupted: Interrupted, host: str) -> Verdict:
    """`Withheld` or `Unreachable` where certainly nothing was sent, else `NoAnswer`."""
    if isinstance(interrupted.error, StartRefusedError):
        return Withheld()
    reason = reason_of(interrupted.error, host)
    return NoAnswer(reason) if interrupted.started else Unreachable(reason)


def _errno(error: BaseException) -> str:
    if isinstance(error, OSError) and isinstance(error.errno, int) and not isinstance(error, ssl.SSLError):
        return f" (errno {error.errno})"
    return ""

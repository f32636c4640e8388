"""How every client connects, and what a failed connection means: wait for it, or a person is needed.

aiokafka's bootstrap swallows the reason (it logs it and raises "Unable to bootstrap"), so the reason
is found by a connection of our own: `check_connection` goes first wherever a client is started.
"""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

from aiokafka import errors
from aiokafka.conn import AIOKafkaConnection, create_conn
from aiokafka.protocol.metadata import MetadataRequest

from consumer.kafka.unpacking import MAX_UNPACKED_BYTES, BatchTooLargeError
from consumer.settings import KafkaSettings, SettingsError

CLIENT_ID = "session-consumer"
# So that added partitions and a moved leader are seen within a minute, not five.
METADATA_MAX_AGE_SECONDS = 60
REQUEST_TIMEOUT_SECONDS = 10.0
LEAST_PER_SERVER_SECONDS = 1.0


class KafkaUnreachableError(Exception):
    """Kafka can't be reached now; it may be later. The text is one sentence or two."""


class KafkaRefusedError(Exception):
    """Kafka refuses our credentials, our certificate or our rights: a person is needed."""


def client_options(
    kafka: KafkaSettings, *, request_timeout_seconds: float = REQUEST_TIMEOUT_SECONDS
) -> dict[str, Any]:
    """Keyword arguments that every aiokafka client takes; SettingsError where a TLS file is no good.

    A group member has to raise `request_timeout_ms` above its rebalance time-out.
    """
    return _security(kafka) | {
        "bootstrap_servers": kafka.bootstrap_servers.split(","),
        "client_id": CLIENT_ID,
        "request_timeout_ms": round(request_timeout_seconds * 1_000),
        "metadata_max_age_ms": METADATA_MAX_AGE_SECONDS * 1_000,
    }


async def check_connection(kafka: KafkaSettings, within_seconds: float) -> None:
    """Try the bootstrap servers in turn until one lets us in.

    KafkaRefusedError where one refused us and none let us in, else KafkaUnreachableError; at most
    `within_seconds`, shared by the servers but at least a second for each that is tried.
    """
    security = _security(kafka)
    servers = kafka.bootstrap_servers.split(",")
    each_seconds = max(within_seconds / len(servers), LEAST_PER_SERVER_SECONDS)
    failures: list[KafkaRefusedError | KafkaUnreachableError] = []
    with suppress(TimeoutError):
        async with asyncio.timeout(within_seconds):
            for server in servers:
                try:
                    await _knock(server, security, each_seconds)
                except (KafkaRefusedError, KafkaUnreachableError) as exc:
                    failures.append(exc)
                else:
                    return
    raise _worst(failures, kafka, within_seconds)


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turn what aiokafka and the network raise into our two errors; all else passes."""
    try:
        yield
    except (OSError, errors.KafkaError) as exc:
        raise translate(exc, where) from exc


def translate(exc: BaseException, where: str) -> KafkaRefusedError | KafkaUnreachableError:
    """What a failure means, from the one table below; `where` is a host or "Kafka"."""
    for cause in _causes(exc):
        for types, error, sentence in _TABLE:
            if isinstance(cause, types):
                detail = f" ({_detail(cause)})" if _detail(cause) else ""
                return error(f"{where} {sentence}{detail}.")
    return KafkaUnreachableError(f"{where} could not be used ({type(exc).__name__}).")


_CREDENTIALS = (
    "refuses the credentials; check CONSUMER_KAFKA_SASL_USERNAME, _SASL_PASSWORD and _SASL_MECHANISM"
)
_RIGHTS = "refuses the access; the user needs more rights (ACLs)"
_TOPIC_RIGHTS = (
    f"{_RIGHTS}: grant Read (source, replay), Write (dead letters, outcomes) "
    "or, to make it, Create on the topic"
)
_GROUP_RIGHTS = f"{_RIGHTS}: grant Read on group CONSUMER_KAFKA_GROUP_ID"
_PROTOCOL = "closed the connection; check CONSUMER_KAFKA_SECURITY_PROTOCOL and the port"

_Row = tuple[tuple[type[BaseException], ...], type[KafkaRefusedError | KafkaUnreachableError], str]

# The first row that fits counts. A cut connection comes before the other TLS errors: brokers restart.
_TABLE: tuple[_Row, ...] = (
    ((errors.SaslAuthenticationFailed, errors.AuthenticationFailedError), KafkaRefusedError, _CREDENTIALS),
    (
        (errors.UnsupportedSaslMechanismError, errors.AuthenticationMethodNotSupported),
        KafkaRefusedError,
        "does not offer CONSUMER_KAFKA_SASL_MECHANISM on this port",
    ),
    (
        (errors.IllegalSaslStateError, errors.SecurityDisabled),
        KafkaRefusedError,
        "wants no SASL on this port; check CONSUMER_KAFKA_SECURITY_PROTOCOL",
    ),
    ((errors.TopicAuthorizationFailedError,), KafkaRefusedError, _TOPIC_RIGHTS),
    ((errors.GroupAuthorizationFailedError,), KafkaRefusedError, _GROUP_RIGHTS),
    ((errors.ClusterAuthorizationFailedError,), KafkaRefusedError, _RIGHTS),
    (
        (ssl.SSLCertVerificationError,),
        KafkaRefusedError,
        "has a certificate that is not trusted; check CONSUMER_KAFKA_SSL_CA_FILE and the host name",
    ),
    ((ssl.SSLEOFError, ssl.SSLZeroReturnError), KafkaUnreachableError, _PROTOCOL),
    (
        (ssl.SSLError,),
        KafkaRefusedError,
        "could not agree on TLS; check CONSUMER_KAFKA_SECURITY_PROTOCOL and the _SSL_ files",
    ),
    ((TimeoutError, errors.RequestTimedOutError), KafkaUnreachableError, "did not answer in time"),
    (
        (errors.NodeNotReadyError, errors.BrokerNotAvailableError, errors.LeaderNotAvailableError),
        KafkaUnreachableError,
        "named a broker that can't be reached; check the brokers' advertised.listeners",
    ),
    ((errors.KafkaConnectionError, EOFError, ConnectionResetError), KafkaUnreachableError, _PROTOCOL),
    ((OSError,), KafkaUnreachableError, "can't be reached"),
    (
        (BatchTooLargeError,),
        KafkaUnreachableError,
        f"has a batch that unpacks to more than {MAX_UNPACKED_BYTES // 2**20} MiB; find out who wrote it",
    ),
)


@asynccontextmanager
async def open_connection(
    server: str, kafka: KafkaSettings, seconds: float, *, authenticated: bool = True
) -> AsyncIterator[AIOKafkaConnection]:
    """One connection to `host:port`, closed at the end; our two errors for what goes wrong in it, or before.

    All of it is bounded by `seconds`. Not `authenticated`: as far as TLS, without SASL.
    """
    security = _security(kafka)
    if not authenticated:
        plain = {"SASL_PLAINTEXT": "PLAINTEXT", "SASL_SSL": "SSL"}
        security["security_protocol"] = plain.get(kafka.security_protocol, kafka.security_protocol)
    async with _connected(server, security, seconds) as connection:
        yield connection


async def _knock(server: str, security: dict[str, Any], seconds: float) -> None:
    """One connection, authenticated, that answers a request; our two errors where it doesn't come to be."""
    async with _connected(server, security, seconds) as connection:
        # A listener that wants SASL answers the version lookup to anybody, and hangs up at this.
        await connection.send(MetadataRequest([]))


@asynccontextmanager
async def _connected(
    server: str, security: dict[str, Any], seconds: float
) -> AsyncIterator[AIOKafkaConnection]:
    connection: AIOKafkaConnection | None = None
    try:
        async with asyncio.timeout(seconds):
            connection = await _connect(server, security, seconds)
            yield connection
    except (OSError, errors.KafkaError, EOFError) as exc:
        raise translate(exc, server) from exc
    finally:
        if connection is not None:
            connection.close()


async def _connect(server: str, security: dict[str, Any], seconds: float) -> AIOKafkaConnection:
    host, _, port = server.rpartition(":")
    try:
        return await create_conn(
            host.strip("[]"),
            int(port),
            client_id=CLIENT_ID,
            request_timeout_ms=round(seconds * 1_000),
            **security,
        )
    except (OSError, errors.KafkaError):
        raise  # among them a certificate that is not trusted, which is a ValueError as well
    except (ValueError, KeyError, AssertionError) as exc:
        # aiokafka's SCRAM and PLAIN on an answer that doesn't prove that the broker knows the password.
        raise KafkaRefusedError(f"{server} {_CREDENTIALS}.") from exc


def _worst(
    failures: list[KafkaRefusedError | KafkaUnreachableError], kafka: KafkaSettings, seconds: float
) -> KafkaRefusedError | KafkaUnreachableError:
    for failure in failures:
        if isinstance(failure, KafkaRefusedError):
            return failure
    if failures:
        return failures[0]
    return KafkaUnreachableError(f"{kafka.bootstrap_servers} did not answer within {seconds:g} s.")


def _security(kafka: KafkaSettings) -> dict[str, Any]:
    options: dict[str, Any] = {
        "security_protocol": kafka.security_protocol,
        "ssl_context": tls_context(kafka),
    }
    if "SASL" in kafka.security_protocol and kafka.sasl_password is not None:
        options |= {
            "sasl_mechanism": kafka.sasl_mechanism,
            "sasl_plain_username": kafka.sasl_username,
            "sasl_plain_password": kafka.sasl_password.get_secret_value(),
        }
    return options


def tls_context(kafka: KafkaSettings) -> ssl.SSLContext | None:
    """TLS 1.2 or later, certificate and host name checked; None where TLS is not used.

    SettingsError where a TLS file is no good.
    """
    if "SSL" not in kafka.security_protocol.split("_"):
        return None
    try:
        context = ssl.create_default_context(cafile=kafka.ssl_ca_file)
    except OSError:
        problem = "CONSUMER_KAFKA_SSL_CA_FILE holds no certificate in PEM form; export the authority's anew."
        raise SettingsError((problem,)) from None
    if kafka.ssl_cert_file and kafka.ssl_key_file:
        try:
            # An empty password: without one OpenSSL would ask for it on the terminal.
            context.load_cert_chain(kafka.ssl_cert_file, kafka.ssl_key_file, password="")
        except OSError:
            problem = (
                "CONSUMER_KAFKA_SSL_CERT_FILE and CONSUMER_KAFKA_SSL_KEY_FILE must hold a certificate and "
                "its key in PEM form, the key without a password."
            )
            raise SettingsError((problem,)) from None
    return context


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """From the deepest cause outwards: aiokafka wraps the telling one."""
    chain = [exc]
    while (cause := chain[-1].__cause__) is not None and cause not in chain:
        chain.append(cause)
    yield from reversed(chain)


def _detail(exc: BaseException) -> str:
    if isinstance(exc, ssl.SSLError):
        # Set by the ssl module, not by the constructor.
        return str(getattr(exc, "reason", None) or "")
    if not isinstance(exc, OSError) or exc.errno is None:
        return ""
    # asyncio's own text repeats the address; name resolution has codes and texts of its own (below 0).
    return os.strerror(exc.errno) if exc.errno > 0 else exc.strerror or ""

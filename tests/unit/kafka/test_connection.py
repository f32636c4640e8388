"""A failed connection: wait for it, or a person is needed."""

import asyncio
import ssl
from pathlib import Path

import pytest
from aiokafka import errors

from consumer.kafka import connection
from consumer.kafka.connection import (
    KafkaRefusedError,
    KafkaUnreachableError,
    check_connection,
    client_options,
    translate,
    translated,
)
from consumer.settings import KafkaSettings, SettingsError


def sasl(servers: str) -> KafkaSettings:
    return KafkaSettings.model_validate(
        {
            "bootstrap_servers": servers,
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "PLAIN",
            "sasl_username": "consumer",
            "sasl_password": "s3cret",
        }
    )


@pytest.mark.parametrize(
    ("failure", "error", "said"),
    [
        (errors.SaslAuthenticationFailed("bad"), KafkaRefusedError, "credentials"),
        (errors.UnsupportedSaslMechanismError(), KafkaRefusedError, "MECHANISM"),
        (errors.IllegalSaslStateError(), KafkaRefusedError, "SECURITY_PROTOCOL"),
        (errors.TopicAuthorizationFailedError(), KafkaRefusedError, "rights"),
        (errors.GroupAuthorizationFailedError(), KafkaRefusedError, "rights"),
        (ssl.SSLCertVerificationError(1, "x"), KafkaRefusedError, "not trusted"),
        (ssl.SSLError(1, "x"), KafkaRefusedError, "TLS"),
        (ssl.SSLEOFError(8, "x"), KafkaUnreachableError, "closed"),
        (TimeoutError(), KafkaUnreachableError, "in time"),
        (errors.RequestTimedOutError(), KafkaUnreachableError, "in time"),
        (errors.NodeNotReadyError(), KafkaUnreachableError, "advertised.listeners"),
        (errors.KafkaConnectionError("closed"), KafkaUnreachableError, "closed"),
        (ConnectionRefusedError(111, "Connect call failed"), KafkaUnreachableError, "refused"),
        (errors.CorruptRecordException(), KafkaUnreachableError, "CorruptRecord"),
    ],
)
def test_each_failure_has_its_meaning(failure: Exception, error: type[Exception], said: str) -> None:
    """What waiting can't mend is refused (exit code 4), all else unreachable (3)."""
    translated_error = translate(failure, "kafka:9092")

    assert type(translated_error) is error
    assert said in str(translated_error)


def test_the_cause_counts_for_more_than_its_wrapping() -> None:
    """aiokafka wraps a broker's TLS alert in a lost connection; the alert is what it was."""
    wrapped = errors.KafkaConnectionError("closed")
    wrapped.__cause__ = ssl.SSLError(1, "alert bad certificate")

    assert type(translate(wrapped, "kafka:9092")) is KafkaRefusedError


def test_other_errors_pass() -> None:
    """A mistake of ours is not dressed up as Kafka's."""
    with pytest.raises(ZeroDivisionError), translated("Kafka"):
        raise ZeroDivisionError


async def test_nobody_there_is_unreachable() -> None:
    """A closed port is told at once, with the address and the reason."""
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()

    with pytest.raises(KafkaUnreachableError) as caught:
        await check_connection(KafkaSettings(bootstrap_servers=f"127.0.0.1:{port}"), 5.0)

    assert str(caught.value) == f"127.0.0.1:{port} can't be reached (Connection refused)."


async def test_a_silent_broker_costs_no_more_than_the_time_given() -> None:
    """A port that takes the connection and never answers ends with the time, not with aiokafka's."""
    hold = asyncio.Event()

    async def never_answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hold.wait()
        writer.close()

    server = await asyncio.start_server(never_answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        with pytest.raises(KafkaUnreachableError, match="did not answer"):
            async with asyncio.timeout(5):
                await check_connection(KafkaSettings(bootstrap_servers=f"127.0.0.1:{port}"), 0.05)
    finally:
        hold.set()
        server.close()


async def test_a_server_that_hangs_up_is_unreachable() -> None:
    """A connection that is closed on the first request hints at the security protocol."""

    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        with pytest.raises(KafkaUnreachableError, match="CONSUMER_KAFKA_SECURITY_PROTOCOL"):
            await check_connection(sasl(f"127.0.0.1:{port}"), 5.0)
    finally:
        server.close()


async def test_the_password_is_passed_to_the_client_and_shown_nowhere() -> None:
    """aiokafka gets the password; the errors don't."""
    kafka = sasl("127.0.0.1:1")

    with pytest.raises(KafkaUnreachableError) as caught:
        await check_connection(kafka, 1.0)

    assert client_options(kafka)["sasl_plain_password"] == "s3cret"
    assert "s3cret" not in str(caught.value)


def test_plaintext_has_no_security_options() -> None:
    """Without SASL and TLS the client gets neither."""
    options = client_options(KafkaSettings(bootstrap_servers="a:1,b:2"), request_timeout_seconds=30.0)

    assert options["bootstrap_servers"] == ["a:1", "b:2"]
    assert options["request_timeout_ms"] == 30_000
    assert options["ssl_context"] is None
    assert "sasl_mechanism" not in options


def test_tls_checks_certificate_and_host_name() -> None:
    """No setting can switch the checks off."""
    context = client_options(KafkaSettings(bootstrap_servers="a:1", security_protocol="SSL"))["ssl_context"]

    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname


def test_a_file_without_a_certificate_is_a_settings_problem(tmp_path: Path) -> None:
    """A CA file that holds something else ends the start like a wrong setting, not with a traceback."""
    file = tmp_path / "ca.pem"
    file.write_text("no certificate")
    kafka = KafkaSettings(bootstrap_servers="a:1", security_protocol="SSL", ssl_ca_file=str(file))

    with pytest.raises(SettingsError) as caught:
        client_options(kafka)

    assert caught.value.problems[0].startswith("CONSUMER_KAFKA_SSL_CA_FILE ")


async def test_a_certificate_is_no_wrong_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's error for it is a ValueError as well, as is what aiokafka raises for a wrong password."""

    async def untrusted(*_: object, **__: object) -> None:
        raise ssl.SSLCertVerificationError("unable to get local issuer certificate")

    monkeypatch.setattr(connection, "create_conn", untrusted)

    with pytest.raises(KafkaRefusedError, match="CONSUMER_KAFKA_SSL_CA_FILE"):
        await check_connection(sasl("127.0.0.1:1"), 1.0)

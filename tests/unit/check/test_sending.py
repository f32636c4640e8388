"""`--send` without anybody to talk to: what is waited for is told, and it may be interrupted."""

from datetime import UTC, datetime

from consumer.check.sending import NotSent, Operator, send
from consumer.events.binary import Message
from consumer.events.model import Event, SessionKey
from consumer.settings import load_settings

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
EVENT = Event("1", "/x", NOON, SessionKey("1", "2", "3", "4"), None, NOON, {"name": "n"})
SETTINGS = load_settings(
    {
        "CONSUMER_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",  # nobody's
        "CONSUMER_ZOHO_CLIENT_ID": "1000.ABC",
        "CONSUMER_ZOHO_CLIENT_SECRET": "c",
        "CONSUMER_ZOHO_REFRESH_TOKEN": "r",
        "CONSUMER_ZOHO_TIME_ZONE": "UTC",
    }
)


async def test_a_broker_that_is_away_is_told_and_an_interrupt_ends_the_waiting() -> None:
    """In our words, as it comes about; nothing was sent."""
    told = []

    def tell(text: str) -> None:
        told.append(text)
        if len(told) == 1:
            operator.interrupt()

    operator = Operator(tell)
    found = await send(SETTINGS, SETTINGS.accounts[0], EVENT, Message(b"4", b"{}", ()), operator)

    assert isinstance(found, NotSent)
    assert told == [
        "Waiting: no working connection to Kafka: KafkaConnectionError …",
        "Interrupted: nothing was sent, the group is left …",
    ]

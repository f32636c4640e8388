"""What tests of the `dlq` commands that read start with: one dead letter of every kind, and the command."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

from click.testing import CliRunner, Result

from consumer.cli.main import cli as main
from consumer.events.model import Problem
from consumer.records import Record
from schemas.error_class import ErrorClass
from tests.fakes.dlq_topics import SOURCE, Failed
from tests.kafka_broker.traffic import Outgoing, Topics, publish
from tests.kafka_broker.under_test import KafkaUnderTest

FIELDS = [
    *("id", "class", "state", "retryable", "session", "event_id", "event_source", "message", "details"),
    *("http_status", "zoho_code", "failed_at", "calls", "replay_count", "account", "origin", "at"),
]
UNKNOWN = Failed(minute=10)
INVALID = Failed(
    minute=20,
    number=1,
    error_class=ErrorClass.EVENT_INVALID,
    source="/hr/import",
    problems=(Problem("/data/session/endsAt", "has no offset"), Problem("/data/trainer", "is missing")),
)
OVERTAKEN = Failed(minute=30, number=2, error_class=ErrorClass.FORBIDDEN_BY_ZOHO)
NEWER = Failed(minute=40, number=2)
DISCARDED = Failed(minute=50, number=3, error_class=ErrorClass.REJECTED_BY_ZOHO, name="Grüße")
REPLAYED = Failed(minute=55, number=4, error_class=ErrorClass.FAILED_AT_ZOHO)


def scene() -> tuple[list[Record], list[Record], list[Record]]:
    """Records of the dead-letter, replay and outcomes topics: one of everything."""
    letters = [
        UNKNOWN.letter(),
        UNKNOWN.letter(),
        Record(f"{SOURCE}.dlq", 0, 0, 0, b"k", b"somebody else's"),
        *(each.letter() for each in (INVALID, OVERTAKEN, DISCARDED, REPLAYED)),
    ]
    outcomes = [
        UNKNOWN.outcome("dead_lettered", dead_letter_id=UNKNOWN.id),
        NEWER.outcome("applied"),
        DISCARDED.state("discarded", count=0, run=None, reason="the course has ended"),
    ]
    return letters, [REPLAYED.replay()], outcomes


STATES = {
    UNKNOWN.id: "open",
    INVALID.id: "open",
    OVERTAKEN.id: "superseded",
    DISCARDED.id: "discarded",
    REPLAYED.id: "replaying",
}


async def filled(kafka: KafkaUnderTest, made: Topics) -> Topics:
    """The scene in real topics."""
    for topic, records in zip((made.dead_letters, made.replay, made.outcomes), scene(), strict=True):
        await write(kafka, topic, records)
    return made


async def write(kafka: KafkaUnderTest, topic: str, records: Iterable[Record]) -> None:
    """Key, value and headers as they are."""
    await publish(
        kafka.bootstrap,
        topic,
        [Outgoing(each.value, each.key, each.headers, each.timestamp_ms, partition=0) for each in records],
    )


def settings(kafka: KafkaUnderTest, topics: Topics) -> dict[str, str]:
    """The source topic's name is the one in the records; nobody reads it here."""
    return {
        "CONSUMER_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap,
        "CONSUMER_DEAD_LETTER_TOPIC": topics.dead_letters,
        "CONSUMER_REPLAY_TOPIC": topics.replay,
        "CONSUMER_OUTCOMES_TOPIC": topics.outcomes,
        "CONSUMER_ZOHO_TIME_ZONE": "Asia/Kolkata",
    }


async def dlq(env: dict[str, str], *arguments: str) -> Result:
    """The command's result."""
    return await asyncio.to_thread(CliRunner().invoke, main, ["dlq", *arguments], env=env)


async def rows(env: dict[str, str], *arguments: str) -> list[dict[str, Any]]:
    """The rows of `dlq list`."""
    result = await dlq(env, "list", "-o", "jsonl", *arguments)
    assert 0 == result.exit_code, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]

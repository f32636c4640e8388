"""What tests of replays start with: a dead letter, its replay made by hand, and what was told of both."""

import json
from collections.abc import Iterable
from typing import Any

from consumer.delivery.outcome import Origin
from consumer.delivery.replay import Replay, original_headers
from consumer.emulator.options import EmulatorOptions, Limits
from consumer.records import Record
from schemas import dead_letter as names
from schemas.outcome import DeadLetterState, Outcome
from tests.integration.scene import (
    binary,
    data,
    dead_letters,
    header,
    session_id,
    until,
)
from tests.kafka_broker.traffic import Outgoing, Topics, publish, read_all
from tests.kafka_broker.under_test import KafkaUnderTest

QUICK = EmulatorOptions(limits=Limits(30, 3.0, 2.0))
RUN = "2026-11-26-1"


def replay_of(letter: Record, count: int = 1, value: bytes | None = None) -> Outgoing:
    """What replays this dead letter, with its value or another."""
    origin = Origin(
        header(letter, names.ERRORS_TOPIC) or "",
        int(header(letter, names.ERRORS_PARTITION) or ""),
        int(header(letter, names.ERRORS_OFFSET) or ""),
    )
    replay = Replay(
        header(letter, names.ID) or "",
        origin,
        count,
        RUN,
        "ann",
        "2026-11-26T09:00:00Z",
        "the session exists now",
        value is not None,
        header(letter, names.SOURCE_TIMESTAMP),
    )
    headers = original_headers(letter.headers) + replay.headers("default")
    return Outgoing(letter.value if value is None else value, letter.key, headers, partition=letter.partition)


async def replay(kafka: KafkaUnderTest, made: Topics, letters: Iterable[Record]) -> None:
    """Replay them for the first time."""
    await publish(kafka.bootstrap, made.replay, [replay_of(letter) for letter in letters])


async def told(kafka: KafkaUnderTest, made: Topics) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The outcomes in the order in which they were written, and the dead letters' states."""
    outcomes, states = [], []
    for record in await read_all(kafka.bootstrap, made.outcomes):
        value = json.loads(record.value or b"")
        if (record.key or b"").startswith(b"dead-letter/"):
            state = DeadLetterState.model_validate(value)
            assert f"dead-letter/{state.dead_letter_id}".encode() == record.key
            states.append(value)
        else:
            Outcome.model_validate(value)
            outcomes.append(value)
    return outcomes, states


def event(number: int, name: str, revision: int | None = None) -> Outgoing:
    """A change of session `number`, with its name for an id."""
    more = {} if revision is None else {"revision": revision}
    return binary(data(number, name) | more, name, session_id(number).encode())


async def until_dead(kafka: KafkaUnderTest, made: Topics, count: int) -> list[Record]:
    """So many dead letters, once they are there."""
    letters: list[Record] = []

    async def there() -> bool:
        letters[:] = await dead_letters(kafka.bootstrap, made)
        return len(letters) >= count

    await until(there)
    return letters

"""What the delivery tests share: believable events, and waiting for what must become of them."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from consumer.emulator.server import Emulator
from consumer.records import Record
from tests.kafka_broker.traffic import Outgoing, Topics, read_all
from tests.process import ConsumerProcess

COURSE = "478346000019479103"
FIRST_SESSION = 478346000019553000


def session_id(number: int) -> str:
    """The id of the test's session with that number."""
    return str(FIRST_SESSION + number)


def data(
    number: int, name: str = "Safety briefing", *, course: str = COURSE, **session: Any
) -> dict[str, Any]:
    """An event's `data` for session `number`; `session` overrides its fields, None takes one away."""
    fields: dict[str, Any] = {
        "name": name,
        "trainerId": "478346000008251001",
        "delivery": "classroom",
        "startsAt": "2026-12-01T10:00:00+05:30",
        "endsAt": "2026-12-01T11:00:00+05:30",
    }
    fields.update(session)
    return {
        "courseId": course,
        "batchId": "478346000019479115",
        "moduleId": "478346000019479119",
        "sessionId": session_id(number),
        "session": {key: value for key, value in fields.items() if value is not None},
    }


def binary(
    event_data: dict[str, Any] | bytes | None,
    event_id: str = "1",
    key: bytes | None = b"k",
    **attributes: str | None,
) -> Outgoing:
    """A record in binary mode; `attributes` override the CloudEvents ones, None takes one away."""
    wanted: dict[str, str | None] = {
        "specversion": "1.0",
        "id": event_id,
        "source": "/lms/test",
        "type": "training.session.changed.v1",
        "time": "2026-11-20T10:00:00Z",
    }
    wanted.update(attributes)
    headers = [(f"ce_{name}", value.encode()) for name, value in wanted.items() if value is not None]
    value = json.dumps(event_data).encode() if isinstance(event_data, dict) else event_data
    return Outgoing(value, key, (*headers, ("content-type", b"application/json")))


# Two changes of a session in turn: neither carries what the other does, so none makes another needless.
_IN_TURN: tuple[dict[str, str], ...] = (
    {"description": "API testing"},
    {"roomId": "478346000010125093"},
)


def changes(count: int, sessions: int, *, needless: bool = False, **overrides: Any) -> list[Outgoing]:
    """`count` good events over so many sessions, each named after its place in the order.

    `needless`: a newer one carries all that an older one of its session does; else each has a call.
    """

    def fields(place: int) -> dict[str, str]:
        return {} if needless else _IN_TURN[place // sessions % 2]

    return [
        binary(
            data(i % sessions, f"change {i}", **fields(i) | overrides),
            str(i),
            session_id(i % sessions).encode(),
        )
        for i in range(count)
    ]


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 30.0) -> None:
    """Wait for it; AssertionError where it doesn't come true in time."""
    give_up_at = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < give_up_at, f"not in {seconds:g} s: {condition}"
        await asyncio.sleep(0.05)


async def finished(process: ConsumerProcess, count: int, seconds: float = 60.0) -> None:
    """Wait until so many records have an outcome and every offset is committed."""

    async def all_done() -> bool:
        metrics = await process.metrics()
        done = sum(
            value for name, value in metrics.items() if name.startswith("session_consumer_events_total")
        )
        return done >= count

    await until(all_done, seconds)


async def reaches(process: ConsumerProcess, state: str, seconds: float = 20.0) -> dict[str, Any]:
    """Wait for the account's state; its status then."""
    found: dict[str, Any] = {}

    async def there() -> bool:
        found.update(await process.account())
        return bool(found["state"] == state)

    await until(there, seconds)
    return found


async def dead_letters(bootstrap: str, topics: Topics) -> list[Record]:
    """What is in the dead-letter topic."""
    return await read_all(bootstrap, topics.dead_letters)


def header(record: Record, name: str) -> str | None:
    """The last header of that name, as text; None where there is none."""
    values = [value for key, value in record.headers if key == name]
    return values[-1].decode() if values and values[-1] is not None else None


def classes(records: Iterable[Record]) -> list[str | None]:
    """The error classes, in order."""
    return [header(record, "dlq.error.class") for record in records]


def names_at_zoho(zoho: Emulator, sessions: int) -> list[str | None]:
    """The sessions' names as Zoho has them."""
    found = [zoho.session(session_id(number)) for number in range(sessions)]
    return [None if session is None else session.fields.get("name") for session in found]


def last_names(count: int, sessions: int) -> list[str]:
    """What `names_at_zoho` must be after `changes(count, sessions)`."""
    return [f"change {max(range(number, count, sessions))}" for number in range(sessions)]

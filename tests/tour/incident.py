"""The incident: 300 events, a course that Zoho doesn't know yet, a publisher's broken date, a lock."""

import asyncio
import json
import os
import shlex
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from consumer.emulator.faults import Fault
from consumer.emulator.options import EmulatorOptions, Limits
from consumer.emulator.server import Emulator
from tests.integration.scene import binary, finished, session_id
from tests.kafka_broker.broker import Broker
from tests.kafka_broker.traffic import Outgoing, Topics, create_topics, publish
from tests.kafka_broker.under_test import KafkaUnderTest
from tests.process import ConsumerProcess, settings_for
from tests.screen import Shown, at_terminal

SOURCE = "training.session.changed"
TOPICS = Topics(SOURCE, f"{SOURCE}.dlq", f"{SOURCE}.replay", f"{SOURCE}.outcomes", "session-consumer")
COMMAND = str(Path(sys.executable).with_name("session-consumer"))

# A minute is 3 s and the lock of five minutes 2 s; the quota is the real one.
WINDOW_SECONDS = 3.0
LOCK_SECONDS = 2.0

NEW_COURSE = "478346000019479104"
PLANNER, ROOMS = "https://lms.example.com/planner", "https://rooms.example.com"
CHANGED_TWICE, OF_NEW_COURSE, BROKEN = 120, 40, 20
EVENTS = 2 * CHANGED_TWICE + OF_NEW_COURSE + BROKEN
# Sessions by number: those of the new course and those of the broken publisher come after the others.
FIRST_OF_NEW_COURSE = CHANGED_TWICE
FIRST_BROKEN = FIRST_OF_NEW_COURSE + OF_NEW_COURSE
FIRST_LIVE = FIRST_BROKEN + BROKEN


@dataclass(slots=True)
class Incident:
    """What runs: broker, emulated Zoho, consumer; and what is done with them."""

    kafka: KafkaUnderTest
    zoho: Emulator
    consumer: ConsumerProcess
    env: dict[str, str]
    directory: Path
    published: int = 0
    longest_wait: float = 0.0

    def session(self, number: int) -> str:
        """The session's id."""
        return session_id(number)

    async def happens(self) -> None:
        """300 events come, half of them before a lock; afterwards each has an outcome."""
        events = the_events()
        await self.publish(events[: EVENTS // 2])
        await asyncio.sleep(WINDOW_SECONDS / 3)
        self.zoho.lock(LOCK_SECONDS)
        await self.publish(events[EVENTS // 2 :])
        await self.settled()

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Events from upstream."""
        await publish(self.kafka.bootstrap, SOURCE, records)
        self.published += len(records)

    async def settled(self) -> None:
        """Wait until every event that was published has an outcome."""
        await finished(self.consumer, self.published, seconds=120)

    def course_is_made(self) -> None:
        """Somebody makes the new course in Zoho."""
        self.zoho.clear_faults()

    async def command(self, arguments: str, answers: dict[str, str] | None = None) -> Shown:
        """`session-consumer …` at a terminal of 80 columns."""
        line = [COMMAND, *shlex.split(arguments)]
        return await asyncio.to_thread(
            at_terminal, line, self.env, answers=answers, seconds=120, directory=self.directory
        )

    async def rows(self, arguments: str) -> list[dict[str, Any]]:
        """The rows that `session-consumer … -o jsonl` gives to a program."""
        process = await asyncio.create_subprocess_exec(
            COMMAND,
            *shlex.split(arguments),
            "-o",
            "jsonl",
            env=self.env,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        out, _ = await process.communicate()
        return [json.loads(line) for line in out.splitlines()]

    async def live_events(self, count: int, every_seconds: float) -> float:
        """Publish changes of other sessions one by one; the longest time until a call for one, seconds."""
        sent: dict[str, float] = {}
        for number in range(FIRST_LIVE, FIRST_LIVE + count):
            sent[session_id(number)] = self.zoho.now()
            await self.publish([change(number, number, "a live change")])
            await asyncio.sleep(every_seconds)
        await self.settled()
        calls = {session: found.calls[0] for session in sent if (found := self.zoho.session(session))}
        return max(calls[session].arrived_at - at for session, at in sent.items())


@asynccontextmanager
async def incident(directory: Path) -> AsyncIterator[Incident]:
    """All of it, from nothing; ended afterwards."""
    async with AsyncExitStack() as stack:
        broker = await asyncio.to_thread(stack.enter_context, Broker(directory / "kafka"))
        kafka = KafkaUnderTest(broker.bootstrap, broker)
        options = EmulatorOptions(
            limits=Limits(30, WINDOW_SECONDS, LOCK_SECONDS),
            faults=(Fault("not_found", course_id=NEW_COURSE),),
        )
        zoho = await stack.enter_async_context(Emulator(options))
        await create_topics(kafka.bootstrap, SOURCE, partitions=3)
        env = settings_for(
            kafka, TOPICS, zoho.url, quota_window_seconds=WINDOW_SECONDS, quota_lock_seconds=LOCK_SECONDS
        )
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CONSUMER_")}
        created = await asyncio.to_thread(at_terminal, [COMMAND, "topics", "create"], inherited | env)
        assert created.exit_code == 0, created.text
        consumer = await stack.enter_async_context(ConsumerProcess(env, directory / "consumer.log"))
        yield Incident(kafka, zoho, consumer, {**inherited, **env, "USER": "ana"}, directory)


def the_events() -> list[Outgoing]:
    """The 300 events, as they come: in turn from the planner, for the new course, and from the rooms."""
    twice = [
        change(number % CHANGED_TWICE, number, f"change {number}") for number in range(2 * CHANGED_TWICE)
    ]
    new = [
        change(FIRST_OF_NEW_COURSE + number, 1_000 + number, "Forklift basics", course=NEW_COURSE)
        for number in range(OF_NEW_COURSE)
    ]
    broken = [broken_change(FIRST_BROKEN + number, 2_000 + number) for number in range(BROKEN)]
    mixed = []
    for number, event in enumerate(twice):
        mixed.append(event)
        if number % 6 == 0:
            mixed.append(new.pop())
        if number % 12 == 0:
            mixed.append(broken.pop())
    return mixed + new + broken


def event_data(number: int, name: str, *, course: str = "478346000019479103", starts: str) -> dict[str, Any]:
    """An event's data."""
    return {
        "courseId": course,
        "batchId": "478346000019479115",
        "moduleId": "478346000019479119",
        "sessionId": session_id(number),
        "session": {
            "name": name,
            "trainerId": "478346000008251001",
            "delivery": "classroom",
            "startsAt": starts,
            "endsAt": "2026-12-01T11:00:00+05:30",
        },
    }


def change(number: int, event: int, name: str, *, course: str = "478346000019479103") -> Outgoing:
    """A good change of that session, as the planner sends it."""
    found = event_data(number, name, course=course, starts="2026-12-01T10:00:00+05:30")
    return _event(found, f"planner-{event}", number, PLANNER, event)


def broken_change(number: int, event: int) -> Outgoing:
    """One whose date is written the wrong way, as the rooms send it."""
    found = event_data(number, "Room changed", starts="01-12-2026 10:00")
    return _event(found, f"rooms-{event}", number, ROOMS, event)


def mended_change(number: int, event: int) -> Outgoing:
    """The rooms' event with its date put right, sent anew later."""
    found = event_data(number, "Room changed", starts="2026-12-01T10:00:00+05:30")
    return _event(found, f"rooms-{event}-again", number, ROOMS, event + 10_000)


def _event(found: dict[str, Any], event_id: str, number: int, source: str, second: int) -> Outgoing:
    time_ = (datetime(2026, 11, 20, 3, 0, tzinfo=UTC) + timedelta(seconds=second)).isoformat()
    return binary(found, event_id, session_id(number).encode(), source=source, time=time_)

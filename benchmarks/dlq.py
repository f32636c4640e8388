"""Reading dead letters: the first rows of `dlq list`, `dlq stats`, and what they cost in memory."""

import asyncio
import logging
import os
import pty
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.stage import Figure, Stage, stage
from consumer.delivery.dead_letter import DeadLetter, Failure, Letterhead, dead_letter
from consumer.delivery.dead_letter_state import StateChange
from consumer.delivery.outcome import Applied, EventReference, Origin, Outcome, OutcomeRecord
from consumer.delivery.verdicts import ZohoAnswer
from consumer.emulator.options import EmulatorOptions
from consumer.events.model import EventIdentity, Problem, SessionKey
from consumer.kafka.dead_letters import DeadLetterTopic
from consumer.kafka.outcomes import OutcomeTopic
from consumer.kafka.producer import SharedProducer
from consumer.records import Record
from consumer.settings import KafkaSettings
from schemas.error_class import ErrorClass
from schemas.outcome import DeadLetterStateName
from tests.integration.scene import binary, data
from tests.process import RUN

LETTERS = 100_000
OUTCOMES = 200_000
TOGETHER = 1_000
FIRST_ROWS_SECONDS = 1.0
STATS_SECONDS = 10.0
BEGAN = 1_795_000_000.0
CLASSES = tuple(ErrorClass)
SOURCES = ("https://lms.example.com/planner", "https://lms.example.com/import", "/hr/onboarding")


@dataclass(frozen=True, slots=True)
class Run:
    """Seconds until the first row and until the end; MiB of resident memory at most; how many lines."""

    first: float
    all: float
    mib: float
    lines: int


async def measure() -> list[Figure]:
    """Filled with the product's own record makers; every command is a process of its own."""
    # A broker that has just made topics isn't their leader for a moment: the client tries again.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    async with stage(EmulatorOptions()) as set_up:
        await fill(set_up.kafka.bootstrap, set_up.topics.dead_letters, set_up.topics.outcomes)
        page = await _run(set_up, "list", terminal=True)
        few = await _run(set_up, "list", "--limit", "20")
        every = await _run(set_up, "list", "-o", "jsonl")
        stats = await _run(set_up, "stats")
        shown = await _run(set_up, "show", f"{set_up.topics.source}:0:0")
    assert every.lines == LETTERS
    return [
        _figure(f"dlq: {LETTERS:,}: list, first rows on a terminal", page.first, FIRST_ROWS_SECONDS),
        _figure("dlq: the same, with their states", page.all, None),
        _figure("dlq: list --limit 20, piped, first row", few.first, None),
        _figure("dlq: list -o jsonl, all of it", every.all, None),
        _figure("dlq: stats", stats.all, STATS_SECONDS),
        _figure("dlq: show", shown.all, None),
        Figure("dlq: resident at most, stats", f"{stats.mib:.0f} MiB", "-"),
        Figure("dlq: resident at most, list -o jsonl", f"{every.mib:.0f} MiB", "-"),
    ]


async def fill(bootstrap: str, dead_letters: str, outcomes: str) -> None:
    """A tenth of the dead letters discarded, a tenth applied by a replay, some superseded, most open."""
    producer = SharedProducer(KafkaSettings(bootstrap_servers=bootstrap))
    letters, records = DeadLetterTopic(producer, dead_letters), OutcomeTopic(producer, outcomes)
    source = dead_letters.removesuffix(".dlq")
    try:
        for some in _by_thousands(LETTERS):
            assert not any(await letters.write([_letter(source, number) for number in some]))
        for some in _by_thousands(OUTCOMES):
            assert not any(await records.write([_outcome(source, number) for number in some]))
    finally:
        await producer.close()


def _by_thousands(count: int) -> Iterator[Sequence[int]]:
    return (range(first, first + TOGETHER) for first in range(0, count, TOGETHER))


def _letter(topic: str, number: int) -> DeadLetter:
    error_class = CLASSES[number % len(CLASSES)]
    event = _event(number)
    published = binary(data(number % 40_000, revision=number), event.id)
    record = Record(
        topic, number % 4, number // 4, int(BEGAN * 1000), published.key, published.value, published.headers
    )
    problems = (
        Problem("/data/session/endsAt", "is not after startsAt; a session has to end after it starts"),
        Problem("/data/session/name", "has no character but white space; send the session's name"),
    )
    refused = error_class in (ErrorClass.EVENT_INVALID, ErrorClass.EVENT_UNMAPPABLE)
    failure = Failure(
        error_class=error_class,
        message="The event is invalid: /data/session/endsAt is not after startsAt; a session has to end.",
        retryable=error_class.retryable,
        identity=EventIdentity(event.id, event.source, "2026-11-20T09:00:00+05:30", _session(number)),
        failed_at=BEGAN + number,
        problems=problems if refused else (),
        calls=0 if refused else 1,
        answer=None if refused else ZohoAnswer(404, "7404", "Not found"),
    )
    return dead_letter(record, failure, Letterhead("default", "session-consumer", "0.1.0"))


def _outcome(topic: str, number: int) -> OutcomeRecord:
    """A tenth are states of dead letters, the rest outcomes of sessions."""
    if number % 5 == 0 and (letter := number // 5) % 2 == 0:
        state: DeadLetterStateName = "discarded" if letter % 4 == 0 else "applied"
        return StateChange(
            f"{topic}:{letter % 4}:{letter // 4}", state, 1, "run", "ops", "reason", BEGAN
        ).record()
    event, origin = _event(number), Origin(topic, number % 4, number)
    applied = Applied(event, origin, int(BEGAN * 1e6))
    return Outcome(_session(number), event, origin, "applied", BEGAN, applied).record()


def _event(number: int) -> EventReference:
    """An id as long as a UUID."""
    source = SOURCES[number % len(SOURCES)]
    return EventReference(f"{number:08x}-287f-4bad-9627-0639ac968125", source, int(1.78e15) + number, None)


def _session(number: int) -> SessionKey:
    return SessionKey(
        "478346000019479103", "478346000019479115", "478346000019479119", str(478346000019553023 + number)
    )


async def _run(set_up: Stage, *arguments: str, terminal: bool = False) -> Run:
    """The command as a process, its stdout a pipe or a terminal of 80 by 24."""
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("CONSUMER_")},
        "CONSUMER_KAFKA_BOOTSTRAP_SERVERS": set_up.kafka.bootstrap,
        "CONSUMER_SOURCE_TOPIC": set_up.topics.source,
        "COLUMNS": "80",
        "LINES": "24",
    }
    return await asyncio.to_thread(_timed, [RUN[0], "dlq", *arguments], env, terminal=terminal)


def _timed(command: list[str], env: dict[str, str], *, terminal: bool) -> Run:
    """Measured where it runs; a child of its own tells its memory."""
    theirs, ours = pty.openpty()[::-1] if terminal else os.pipe()[::-1]
    began = time.monotonic()
    pid = os.posix_spawn(
        command[0],
        command,
        env,
        file_actions=[(os.POSIX_SPAWN_DUP2, theirs, 1), (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)],
    )
    os.close(theirs)
    first, lines = 0.0, 0
    while True:
        try:
            found = os.read(ours, 65_536)
        except OSError:  # a terminal that nobody writes to any more
            break
        if not found:
            break
        lines += found.count(b"\n")
        # The first line of a table is its headings.
        first = first or (time.monotonic() - began if lines > 1 or b"{" in found else 0.0)
    _, status, usage = os.wait4(pid, 0)
    os.close(ours)
    assert os.waitstatus_to_exitcode(status) == 0
    return Run(first, time.monotonic() - began, usage.ru_maxrss / 1024, lines)


def _figure(what: str, seconds: float, aim: float | None) -> Figure:
    return Figure(
        what,
        f"{seconds:.2f} s",
        "-" if aim is None else f"< {aim:g} s",
        None if aim is None else seconds < aim,
    )

"""Law 8 over a thousand events of every class: one line for each, and no secret and no content anywhere."""

import asyncio
import json
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from os import environ
from pathlib import Path
from typing import Any

import pytest

from consumer.emulator.faults import Fault
from consumer.emulator.options import EmulatorOptions, Limits, TokenRules
from consumer.emulator.server import Emulator
from schemas.dead_letter import RESERVED_NAMES
from schemas.error_class import ErrorClass
from tests.integration.collector import Collector
from tests.integration.conftest import MakeConsumer, MakeTopics
from tests.integration.scene import binary, data, dead_letters, finished
from tests.kafka_broker.traffic import Outgoing, Topics, committed, publish, read_all
from tests.kafka_broker.under_test import KafkaUnderTest
from tests.process import RUN, ConsumerProcess, settings_for

EVENTS = 1_000
SESSIONS = 60
# In every text of every event, and in what is none; what is planted as a secret.
CONTENT = "planted-content-5e1f"
CLIENT_SECRET, REFRESH_TOKEN = "planted-client-secret-91ab", "1000.planted-refresh-token-77cd"
TOKENS = TokenRules(client_secret=CLIENT_SECRET, refresh_token=REFRESH_TOKEN)
# Each at Zoho by its course.
FAULTS = {
    ErrorClass.SESSION_NOT_FOUND: Fault("not_found", course_id="1001"),
    ErrorClass.REJECTED_BY_ZOHO: Fault("business", course_id="1002"),
    ErrorClass.FORBIDDEN_BY_ZOHO: Fault("forbidden", course_id="1003"),
    ErrorClass.LIMIT_EXCEEDED: Fault("maximum_limit", course_id="1004"),
    ErrorClass.FAILED_AT_ZOHO: Fault("poison", course_id="1005"),
    ErrorClass.OUTCOME_UNKNOWN: Fault("reset_after_effect", course_id="1006"),
}
# How many of each; all others are good.
BAD = {
    ErrorClass.EVENT_UNREADABLE: 40,
    ErrorClass.EVENT_INVALID: 40,
    ErrorClass.EVENT_UNMAPPABLE: 40,
    ErrorClass.SESSION_NOT_FOUND: 20,
    ErrorClass.REJECTED_BY_ZOHO: 20,
    ErrorClass.FORBIDDEN_BY_ZOHO: 3,
    ErrorClass.LIMIT_EXCEEDED: 1,
    ErrorClass.FAILED_AT_ZOHO: 3,
    ErrorClass.OUTCOME_UNKNOWN: 3,
}


def events() -> Iterator[Outgoing]:
    """A thousand, the bad ones spread evenly among the good."""
    bad = [error_class for error_class, count in BAD.items() for _ in range(count)]
    every = EVENTS // len(bad)
    for number in range(EVENTS):
        place, rest = divmod(number, every)
        yield _bad(bad[place], number) if not rest and place < len(bad) else _good(number)


def _good(number: int) -> Outgoing:
    """Revisions run backwards in each tenth, copies come in each seventh."""
    number -= not number % 7
    revision = EVENTS - number if number % 10 == 3 else number
    return _planted(
        data(number % SESSIONS, _text(number), description=_text(number)) | {"revision": revision}, number
    )


def _bad(error_class: ErrorClass, number: int) -> Outgoing:
    session = data(EVENTS + number, _text(number), description=_text(number))
    if error_class in FAULTS:
        return _planted(session | {"courseId": FAULTS[error_class].course_id}, number)
    if error_class is ErrorClass.EVENT_UNREADABLE:
        return _planted(json.dumps(session).encode()[:-9] + CONTENT.encode(), number)
    if error_class is ErrorClass.EVENT_UNMAPPABLE:
        session["session"]["endsAt"] = "2026-12-02T11:00:00+05:30"
        return _planted(session, number)
    broken: tuple[dict[str, Any], ...] = (
        {"courseId": CONTENT},
        {"session": session["session"] | {"delivery": CONTENT, "startsAt": CONTENT}},
        {"session": CONTENT},
        {"revision": CONTENT, CONTENT: [CONTENT]},
    )
    return _planted(session | broken[number % len(broken)], number)


def _planted(event_data: dict[str, Any] | bytes, number: int) -> Outgoing:
    content = _text(number).encode()
    record = binary(event_data, f"e-{number}", content, subject=_text(number))
    trace = (("traceparent", f"00-{number + 1:032x}-{number + 1:016x}-01".encode()), ("tracestate", content))
    return Outgoing(record.value, record.key, (*record.headers, ("x-note", content), (CONTENT, b""), *trace))


def _text(number: int) -> str:
    return f"{CONTENT} {number}"


@dataclass
class Run:
    """What a run of all the events left behind."""

    env: Mapping[str, str]
    topics: Topics
    kafka: KafkaUnderTest
    process: ConsumerProcess
    collector: Collector
    access_tokens: tuple[str, ...]
    metrics: Mapping[str, float]
    pages: Mapping[str, str]

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The log."""
        return [json.loads(line) for line in self.process.log_lines()]

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must be nowhere at all."""
        return (CLIENT_SECRET, REFRESH_TOKEN, *self.access_tokens)


@asynccontextmanager
async def _run(kafka: KafkaUnderTest, made: Topics, make: MakeConsumer) -> AsyncIterator[Run]:
    options = EmulatorOptions(limits=Limits(200, 1.0, 2.0), tokens=TOKENS)
    async with Emulator(options) as zoho, Collector() as collector:
        for fault in FAULTS.values():
            zoho.add_fault(fault)
        env = collector.settings | settings_for(
            kafka,
            made,
            zoho.url,
            zoho_client_secret=CLIENT_SECRET,
            zoho_refresh_token=REFRESH_TOKEN,
            quota_requests=200,
            quota_window_seconds=1,
            attempts=2,
            log_level="debug",
        )
        await publish(kafka.bootstrap, made.source, events())
        async with make(env) as process:
            await finished(process, EVENTS, 90)
            metrics = await process.metrics()
            pages = {path: await process.page(path) for path in ("/metrics", "/status")}
            tokens = tuple(token.value for token in zoho.portal.tokens.live)
            assert 0 == await process.terminate()
        yield Run(env, made, kafka, process, collector, tokens, metrics, pages)


@pytest.mark.claim("S-55")
async def test_law_8_a_thousand_events_leave_a_line_each_and_no_secret_and_no_content(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """Searched: the log at debug, metrics, status, headers, outcomes, commits, traces, commands."""
    made = await topics(partitions=2)
    async with _run(kafka, made, consumer_process) as run:
        _one_line_for_each(run)
        await _nothing_leaked(run)


def _one_line_for_each(run: Run) -> None:
    told = [line for line in run.lines if line["event"] == "event done"]
    assert EVENTS == len(told) == len({(line["partition"], line["offset"]) for line in told})
    assert {str(each): count for each, count in BAD.items()} == Counter(
        line["error_class"] for line in told if line["outcome"] == "dead_lettered"
    )
    assert {"applied", "superseded", "stale", "duplicate", "dead_lettered"} == {
        line["outcome"] for line in told
    }
    for outcome, count in Counter(line["outcome"] for line in told).items():
        name = f'session_consumer_events_total{{account="default",outcome="{outcome}"}}'
        assert count == run.metrics[name]
    called = sum(line["calls"] for line in told)
    requests = sum(
        value
        for name, value in run.metrics.items()
        if name.startswith("session_consumer_zoho_requests_total")
    )
    assert called == requests
    assert len(run.collector.spans) == EVENTS + called


async def _nothing_leaked(run: Run) -> None:
    assert run.access_tokens
    everywhere: dict[str, str] = {
        "log": "\n".join(run.process.log_lines()),
        "traces": b"\n".join(run.collector.raw).decode(errors="replace"),
        **run.pages,
        "commits": repr(await committed(run.kafka.bootstrap, run.topics.group)),
        "outcomes": repr(await read_all(run.kafka.bootstrap, run.topics.outcomes)),
    }
    letters = await dead_letters(run.kafka.bootstrap, run.topics)
    everywhere["headers"] = repr(
        [header for each in letters for header in each.headers if header[0] in RESERVED_NAMES]
    )
    for arguments in (
        ("dlq", "list", "-o", "json"),
        ("dlq", "list", "-o", "csv"),
        ("dlq", "stats"),
        ("dlq", "stats", "-o", "json"),
        ("dlq", "runs", "-o", "json"),
        ("dlq", "replay", "--class", "failed_at_zoho", "--dry-run"),
        ("topics", "describe", "-o", "json"),
        ("status", "--event", "/lms/test", "e-5"),
        ("check", "-o", "json"),
    ):
        everywhere[" ".join(arguments)] = await _said(run.env, *arguments)
    for place, text in everywhere.items():
        assert text, place
        assert not re.search(re.escape(CONTENT), text, re.IGNORECASE), f"an event's content is in: {place}"
        for secret in run.secrets:
            assert secret not in text, f"a secret is in: {place}"


async def _said(env: Mapping[str, str], *arguments: str, command: tuple[str, ...] = RUN[:1]) -> str:
    """What a command says, on both its streams."""
    inherited = {name: value for name, value in environ.items() if not name.startswith("CONSUMER_")}
    process = await asyncio.create_subprocess_exec(
        *command,
        *arguments,
        env={**inherited, **env},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    return said.decode()


# The product, with a fault of its own in the middle of an event.
BROKEN = """
import sys
from consumer.delivery import worker

def broken(record, *_):
    try:
        raise ValueError(f"an inner fault quotes {record.value!r}")
    except ValueError as exc:
        raise RuntimeError(f"a fault of ours quotes {record.value!r} and {record.key!r}") from exc

worker.read_record = broken
from consumer.__main__ import main
sys.argv = ["session-consumer", "run"]
main()
"""


@pytest.mark.claim("S-56")
@pytest.mark.parametrize("log_format", ["json", "console"])
async def test_law_8_a_traceback_of_ours_quotes_no_event_and_no_secret(
    kafka: KafkaUnderTest, topics: MakeTopics, tmp_path: Path, log_format: str
) -> None:
    """A fault of the product while it holds an event: where it was is told, and nothing of what it held."""
    made = await topics()
    async with Emulator(EmulatorOptions(tokens=TOKENS)) as zoho:
        await publish(kafka.bootstrap, made.source, [_good(1)])
        env = settings_for(
            kafka,
            made,
            zoho.url,
            zoho_client_secret=CLIENT_SECRET,
            zoho_refresh_token=REFRESH_TOKEN,
            log_level="debug",
            log_format=log_format,
        )
        said = await _said(env, "-c", BROKEN, command=(sys.executable,))

    assert "RuntimeError" in said
    for planted in (CONTENT, CLIENT_SECRET, REFRESH_TOKEN):
        assert planted not in said

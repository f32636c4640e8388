"""One line for each event that is done: what it says, and what it never does."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from consumer.delivery.done import CallMade, Done, Work
from consumer.delivery.outcome import EventReference, Origin
from consumer.delivery.replay import Replay
from consumer.events.model import EventIdentity, SessionKey
from consumer.telemetry import configure_logging, write_event_line
from consumer.telemetry.event_lines import FIELDS
from schemas.error_class import ErrorClass
from tests.logs import logging_restored

IDENTITY = EventIdentity("e-1", "/lms", "2026-11-20T10:00:00Z", SessionKey("1", "2", "3", "4"), 7)
CALLS = (CallMade(101.0, 101.5, "failed", 503), CallMade(110.0, 110.25, "no_answer", None))
WORK = Work(IDENTITY, received_at=100.0, calls=2, took_seconds=0.75, last_calls=CALLS)
DONE = Done("north", Origin("t.replay", 3, 41), WORK, "dead_lettered", at=111.0)
REPLAY = Replay("t:0:7", Origin("t", 0, 7), 2, "run-9", "ann", "then", "a secret reason", mended=False)
ALL = replace(
    DONE,
    error_class=ErrorClass.FAILED_AT_ZOHO,
    dead_letter_id="t:0:7",
    replay=REPLAY,
    by=EventReference("e-2", "/lms", 0, 8),
)


@pytest.fixture(autouse=True)
def _logging_restored() -> Iterator[None]:
    with logging_restored():
        yield


def lines(*done: Done, level: Any = "info", trace_id: str | None = None) -> list[dict[str, Any]]:
    """What is logged."""
    stream = io.StringIO()
    configure_logging("json", level, stream=stream)
    for each in done:
        write_event_line(each, trace_id)
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_says_who_what_became_of_it_and_what_it_took() -> None:
    """Every field there is, in the documented order."""
    (line,) = lines(ALL, trace_id="a" * 32)

    timestamp = line.pop("timestamp")
    assert timestamp.endswith("Z")
    assert {
        "level": "info",
        "event": "event done",
        "account": "north",
        "outcome": "dead_lettered",
        "error_class": "failed_at_zoho",
        "event_id": "e-1",
        "event_source": "/lms",
        "session": "1/2/3/4",
        "revision": 7,
        "topic": "t.replay",
        "partition": 3,
        "offset": 41,
        "dead_letter_id": "t:0:7",
        "replay_count": 2,
        "run_id": "run-9",
        "superseded_by": "e-2",
        "calls": 2,
        "verdict": "no_answer",
        "waited_seconds": 10.25,
        "took_seconds": 0.75,
        "trace_id": "a" * 32,
    } == line
    documented = [name for name, _ in FIELDS if name != "http_status"]
    assert documented == [name for name in line if name not in ("level", "event")]


def test_what_is_not_known_is_left_out() -> None:
    """Of a record of which nothing could be read."""
    (line,) = lines(replace(DONE, work=Work(EventIdentity(), 111.0)))

    assert {"timestamp", "level", "event", "account", "outcome", "topic", "partition", "offset", "calls"} | {
        "waited_seconds",
        "took_seconds",
    } == line.keys()


def test_the_last_answers_status_is_told() -> None:
    """Where there was an answer."""
    (line,) = lines(replace(DONE, work=WORK._replace(last_calls=CALLS[:1])))

    assert (503, "failed") == (line["http_status"], line["verdict"])


def test_what_is_skipped_is_told_at_debug_alone() -> None:
    """On a shared topic it may be most of what comes."""
    skipped = replace(DONE, outcome="skipped")

    assert [] == lines(skipped)
    assert ["skipped"] == [line["outcome"] for line in lines(skipped, level="debug")]


def test_a_clock_that_was_set_back_gives_no_negative_wait() -> None:
    """The wall clock may jump."""
    (line,) = lines(replace(DONE, at=50.0))

    assert 0.0 == line["waited_seconds"]

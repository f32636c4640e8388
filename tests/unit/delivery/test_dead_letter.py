"""Law 6: a dead letter is the record as it was, and the block of the contract."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.delivery.dead_letter import Failure, Letterhead, bounded_text, dead_letter
from consumer.delivery.outcome import Origin
from consumer.delivery.replay import Replay, original_headers
from consumer.delivery.verdicts import ZohoAnswer
from consumer.events.model import EventIdentity, Problem, SessionKey
from consumer.events.trace_context import TraceContext
from consumer.records import Record
from schemas import dead_letter as names
from schemas.error_class import ErrorClass

LETTERHEAD = Letterhead("north", "session-consumer", "0.1.0")
FAILURE = Failure(
    error_class=ErrorClass.REJECTED_BY_ZOHO,
    message="Zoho refused it",
    retryable=False,
    identity=EventIdentity(
        "e1",
        "/lms",
        "2026-11-20T10:00:00Z",
        SessionKey("1", "2", "3", "4"),
        trace=TraceContext("a" * 32, "b" * 16, 1),
    ),
    failed_at=1_795_000_000.5,
    problems=(Problem("/data/session/name", "is blank"),),
    calls=2,
    answer=ZohoAnswer(400, "INVALID_INPUT", "no"),
)


def test_every_header_of_the_contract_is_there() -> None:
    """Names and values, as text."""
    letter = dead_letter(Record("orders", 3, 41, 1_795_000_000_000, b"k", b"v"), FAILURE, LETTERHEAD)

    assert {
        "__dlq.errors.topic": "orders",
        "__dlq.errors.partition": "3",
        "__dlq.errors.offset": "41",
        "__dlq.errors.group": "session-consumer",
        "__dlq.errors.delivery.count": "2",
        "__dlq.errors.message": "Zoho refused it",
        "dlq.schema": "1",
        "dlq.id": "orders:3:41",
        "dlq.error.class": "rejected_by_zoho",
        "dlq.error.retryable": "false",
        "dlq.error.details": json.dumps(
            [{"pointer": "/data/session/name", "problem": "is blank"}], separators=(",", ":")
        ),
        "dlq.http.status": "400",
        "dlq.zoho.code": "INVALID_INPUT",
        "dlq.zoho.message": "no",
        "dlq.failed.at": "2026-11-18T11:06:40.500Z",
        "dlq.source.timestamp": "2026-11-18T11:06:40.000Z",
        "dlq.event.id": "e1",
        "dlq.event.source": "/lms",
        "dlq.event.time": "2026-11-20T10:00:00Z",
        "dlq.session": "1/2/3/4",
        "dlq.account": "north",
        "dlq.replay.count": "0",
        "dlq.service.version": "0.1.0",
        "dlq.runbook": "docs/runbook/rejected-by-zoho.md",
        "dlq.traceparent": f"00-{'a' * 32}-{'b' * 16}-01",
    } == {name: (value or b"").decode() for name, value in letter.headers}


@pytest.mark.claim("S-07")
@given(
    key=st.none() | st.binary(),
    value=st.none() | st.binary(),
    headers=st.lists(
        st.tuples(st.sampled_from(["a", "", "dlq.id", *names.RESERVED_NAMES]), st.none() | st.binary())
    ),
)
def test_law_6_bytes_are_sacred(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]]
) -> None:
    """Key, value and headers as they were, in order; a reserved name gets the prefix, and no other."""
    letter = dead_letter(Record("t", 0, 0, -1, key, value, tuple(headers)), FAILURE, LETTERHEAD)

    kept = tuple(
        (f"original.{name}" if name in names.RESERVED_NAMES else name, content) for name, content in headers
    )
    assert (key, value, kept) == (letter.key, letter.value, letter.headers[: len(headers)])
    added = [name for name, _ in letter.headers[len(headers) :]]
    assert len(added) == len(set(added))
    assert set(added) <= names.RESERVED_NAMES


@given(st.text(), st.integers(3, 2000))
def test_a_message_is_bounded_in_bytes(text: str, max_bytes: int) -> None:
    """Cut with an ellipsis where it is longer, and still UTF-8."""
    assert len(bounded_text(text, max_bytes).encode(errors="replace")) <= max_bytes


def test_any_timestamp_of_a_publisher_is_survived() -> None:
    """A record may bear the end of time."""
    letter = dead_letter(Record("t", 0, 0, 2**62, None, None), FAILURE, LETTERHEAD)

    assert dict(letter.headers)["dlq.source.timestamp"] is not None


@given(
    key=st.none() | st.binary(),
    value=st.none() | st.binary(),
    headers=st.lists(
        st.tuples(st.sampled_from(["a", "", "dlq.id", "original.dlq.id", *names.RESERVED_NAMES]), st.binary())
    ),
)
def test_law_6_a_replay_that_fails_again_is_the_first_dead_letter_with_a_block_written_anew(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]]
) -> None:
    """First origin and id stay, the block is not doubled, and what is original is prefixed once."""
    first = dead_letter(Record("t", 3, 7, 5_000, key, value, tuple(headers)), FAILURE, LETTERHEAD)
    replay = Replay(
        "t:3:7", Origin("t", 3, 7), 2, "run-1", "ann", "now", "why", mended=False, source_timestamp="then"
    )
    record = Record(
        "t.replay", 0, 99, 9_000, key, value, original_headers(first.headers) + replay.headers("north")
    )
    again = dead_letter(record, FAILURE, LETTERHEAD, replay)

    kept = original_headers(first.headers)
    assert (first.id, 3, key, value) == (again.id, again.source_partition, again.key, again.value)
    assert kept == again.headers[: len(kept)] == first.headers[: len(headers)]
    block = dict(again.headers[len(kept) :])
    changed = {
        names.SOURCE_TIMESTAMP: b"then",
        names.REPLAY_COUNT: b"2",
        names.REPLAY_RUN_ID: b"run-1",
    }
    assert dict(first.headers[len(kept) :]) | changed == block
    assert len(block) == len(again.headers) - len(kept)

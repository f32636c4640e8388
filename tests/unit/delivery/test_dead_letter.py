"""Law 6: a dead letter is the record as it was, and the block of the contract."""

import json

from hypothesis import given
from hypothesis import strategies as st

from consumer.delivery.dead_letter import Failure, Letterhead, bounded_text, dead_letter
from consumer.delivery.verdicts import ZohoAnswer
from consumer.events.model import EventIdentity, Problem, SessionKey
from consumer.records import Record
from schemas import dead_letter as names
from schemas.error_class import ErrorClass

LETTERHEAD = Letterhead("north", "session-consumer", "0.1.0")
FAILURE = Failure(
    error_class=ErrorClass.REJECTED_BY_ZOHO,
    message="Zoho refused it",
    retryable=False,
    identity=EventIdentity("e1", "/lms", "2026-11-20T10:00:00Z", SessionKey("1", "2", "3", "4")),
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
    } == {name: (value or b"").decode() for name, value in letter.headers}


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

"""The outcomes topic's record: as the contract's schema has it, and read again by its end alone."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.delivery.outcome import (
    Applied,
    EventReference,
    Origin,
    Outcome,
    applied_of,
    event_mark,
    micros,
    session_of,
    settled_of,
    tombstone,
    written_again,
)
from consumer.events.model import SessionKey
from schemas.error_class import ErrorClass
from schemas.outcome import Outcome as OutcomeSchema

SESSION = SessionKey("1", "22", "333", "000000000000000000000000000001")
TEXTS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40)
EVENTS = st.builds(
    EventReference,
    id=TEXTS,
    source=TEXTS,
    time_us=st.integers(micros(datetime(1, 1, 1, tzinfo=UTC)), micros(datetime(9999, 12, 31, tzinfo=UTC))),
    revision=st.none() | st.integers(0, 2**63 - 1),
)
ORIGINS = st.builds(Origin, TEXTS, st.integers(0, 2**31 - 1), st.integers(0, 2**63 - 1))
APPLIED = st.builds(Applied, EVENTS, ORIGINS, st.integers(0, 10**17))
OUTCOMES = st.builds(
    Outcome,
    session=st.just(SESSION),
    event=EVENTS,
    origin=ORIGINS,
    outcome=st.sampled_from(["applied", "superseded", "stale", "duplicate", "dead_lettered"]),
    at=st.floats(0, 4e9),
    applied=st.none() | APPLIED,
    by=st.none() | EVENTS,
    dead_letter_id=st.none() | TEXTS,
    error_class=st.none() | st.sampled_from(ErrorClass),
)
EVENT = EventReference("e1", "https://lms.example.com", 1_795_000_000_000_001, 7)
LAST = Applied(EVENT, Origin("source", 3, 41), 1_795_000_001_500_000)


@given(OUTCOMES)
def test_what_is_written_by_hand_is_what_the_schema_says(outcome: Outcome) -> None:
    """Field by field, whatever texts an event brings."""
    key, value = outcome.record()

    assert value is not None
    assert str(SESSION).encode() == key
    read = OutcomeSchema.model_validate_json(value)
    assert OutcomeSchema.model_fields.keys() == {"schema_version", *outcome.__dataclass_fields__}
    assert str(outcome.session) == read.session
    assert _reference(outcome.event) == read.event.model_dump()
    assert outcome.origin._asdict() == read.origin.model_dump()
    assert outcome.outcome == read.outcome
    assert abs(outcome.at - read.at.timestamp()) < 0.00101  # cut to milliseconds
    assert (None if outcome.by is None else _reference(outcome.by)) == (read.by and read.by.model_dump())
    assert (outcome.dead_letter_id, outcome.error_class) == (read.dead_letter_id, read.error_class)
    if outcome.applied is None:
        assert read.applied is None
    else:
        assert read.applied is not None
        assert _reference(outcome.applied.event) == read.applied.model_dump(exclude={"at", "origin"})
        assert outcome.applied.origin._asdict() == read.applied.origin.model_dump()
        assert outcome.applied.at_us == micros(read.applied.at)


@given(OUTCOMES)
def test_what_was_applied_comes_back_exactly(outcome: Outcome) -> None:
    """To the microsecond, from our own form and from any other that the schema allows."""
    value = outcome.record().value

    assert value is not None
    assert outcome.applied == applied_of(value)
    reordered = dict(reversed(json.loads(value).items()))
    assert outcome.applied == applied_of(json.dumps(reordered, indent=1, ensure_ascii=False).encode())


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\xff",
        b"null",
        b"[]",
        b"{}",
        b'{"schema":2,"applied":null}',
        b'{"applied":null}',
        b'{"schema":1,"outcome":"applied"}',
        b'{"schema":1,"x":0,"applied":{}}',
        b'{"schema":1,"x":0,"applied":7}',
        b'{"schema":1,"x":0,"applied":{"id":"e"',
        b'{"schema":1,"x":0,"applied":' + b"[" * 100_000,
    ],
)
def test_what_is_no_outcome_is_a_value_error(value: bytes) -> None:
    """Never another exception, however deep or cut off it is."""
    with pytest.raises(ValueError, match=r".*"):
        applied_of(value)


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("id", 7),
        ("id", "x" * 1025),
        ("id", "a\0b"),
        ("source", None),
        ("time", "2026-11-20T08:15:30"),
        ("time", 0),
        ("revision", -1),
        ("revision", True),
        ("revision", 2**63),
        ("at", "yesterday"),
        ("origin", {"topic": "t", "partition": 0}),
        ("origin", {"topic": "t", "partition": 2**31, "offset": 0}),
        ("origin", {"topic": "t" * 250, "partition": 0, "offset": 0}),
    ],
)
def test_an_applied_that_breaks_the_schema_is_a_value_error(field: str, bad: object) -> None:
    """What the ledger could not keep is refused before it gets there."""
    value = json.loads(written_again(SESSION, LAST).record().value or b"")
    value["applied"][field] = bad

    with pytest.raises(ValueError, match=r".*"):
        applied_of(json.dumps(value, separators=(",", ":")).encode())


def test_a_field_inside_another_object_is_not_taken_for_the_records_own() -> None:
    """The end is only looked at where it is the end of the record."""
    own = written_again(SESSION, LAST).record().value or b""
    nested = own[:-1] + b',"note":{"text":1,"applied":null}}'

    assert applied_of(nested) == LAST


@pytest.mark.parametrize(
    "key", [b"", b"1/2/3", b"1/2/3/4/5", b"1/2/3/a", b"1//3/4", b"1/2/3/\xb2", b"1/2/3/4\n"]
)
def test_a_key_that_names_no_session_is_a_value_error(key: bytes) -> None:
    """Four ids of 1 to 30 digits, nothing else."""
    with pytest.raises(ValueError, match=r".*"):
        session_of(key)


def test_a_session_written_again_says_the_same_of_its_last_event() -> None:
    """An `applied` outcome of that event, at the time at which it was applied."""
    again = written_again(SESSION, LAST)

    assert ("applied", EVENT, LAST.origin, LAST) == (again.outcome, again.event, again.origin, again.applied)
    assert LAST.at_us / 1e6 == again.at
    assert (str(SESSION).encode(), None) == tombstone(SESSION)


def _reference(event: EventReference) -> dict[str, object]:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=event.time_us)
    return {"id": event.id, "source": event.source, "time": moment, "revision": event.revision}


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_that_can_not_be_written_again_in_utc_is_refused(time: str) -> None:
    """A foreign record must not end the process when its session is written again."""
    value = (
        '{"schema":1,"applied":{"id":"a","source":"s","time":"TIME","revision":null,"at":"TIME",'
        '"origin":{"topic":"t","partition":0,"offset":1}}}'
    ).replace("TIME", time)
    with pytest.raises(ValueError, match="OverflowError"):
        applied_of(value.encode())


def test_an_outcome_tells_whose_it_is() -> None:
    """By its record's place and its event's mark; another event there has another mark."""
    outcome = Outcome(
        SessionKey("1", "2", "3", "4"),
        EventReference("e-1", "/s", 0, None),
        Origin("t", 3, 7),
        "stale",
        0.0,
        None,
    )
    value = outcome.record().value or b""

    assert (Origin("t", 3, 7), event_mark("/s", "e-1")) == settled_of(value)
    assert event_mark("/s", "e-1") != event_mark("/s", "e-2")
    assert settled_of(b"{}") is None

"""Where good and bad events part."""

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unicodedata import category

import pytest
from pydantic import TypeAdapter

from consumer.events.examples import invalid_examples, valid_examples, value_of
from consumer.events.model import EventIdentity, OtherType, SessionKey
from consumer.events.reading import read_record, reread
from consumer.events.zones import load_zone
from schemas.error_class import ErrorClass
from schemas.fields import Name
from tests.unit.events.samples import (
    BINARY,
    KOLKATA,
    NOW,
    accepted,
    full_event,
    pointers,
    read,
    record,
    refused,
    session_event,
)

DATA_POINTERS = {name: f"/data/{name}" for name in ("courseId", "batchId", "moduleId", "sessionId")}
SESSION_IDS = ("trainerId", "roomId", "gradeCategoryId")
# ECMA-262, 12.2 and 12.3, beside the characters that Unicode calls spaces (Zs).
ECMA_WHITE = "\t\v\f\ufeff\n\r\u2028\u2029"
_NAME = TypeAdapter(Name)
SKIPPING = replace(KOLKATA, skip_other_types=True)


WRONG_TYPES: tuple[object, ...] = (True, [], {}, 12.5, [["x"]], math.pi)


def with_field(pointer: str, value: object = ...) -> dict[str, Any]:
    """The full event with one field set, or taken away."""
    event = full_event()
    *steps, last = pointer.strip("/").split("/")
    place: Any = event
    for step in steps:
        place = place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return event


@pytest.mark.parametrize("name", valid_examples())
def test_every_valid_example_is_accepted(name: str) -> None:
    """What we show publishers works."""
    accepted(valid_examples()[name])


@pytest.mark.parametrize("name", invalid_examples())
def test_every_invalid_example_gets_its_message(name: str) -> None:
    """The examples carry exactly what a dead letter says."""
    example = invalid_examples()[name]
    rules = replace(KOLKATA, zone=load_zone(example.get("time_zone", "Asia/Kolkata")))

    refusal = refused(value_of(example), rules=rules)

    assert (example["error_class"], example["message"]) == (refusal.error_class, refusal.message)
    assert example["details"] == [{"pointer": p.pointer, "problem": p.problem} for p in refusal.problems]


def test_an_event_holds_what_the_publisher_sent() -> None:
    """Identity, session, revision and moments are taken over."""
    event = accepted(full_event())

    assert (
        SessionKey("478346000019479103", "478346000019479115", "478346000019479119", "478346000019553023")
        == event.session
    )
    assert (event.revision, event.source) == (7, "https://lms.example.com/planner")
    assert datetime(2026, 11, 20, 8, 15, 30, tzinfo=UTC) == event.time
    assert datetime(2026, 12, 1, 4, 30, tzinfo=UTC) == event.starts_at
    assert event.session_data["description"] == "API testing"


def test_both_modes_give_the_same_event() -> None:
    """The value of binary mode is the structured event's data."""
    binary = accepted(full_event()["data"], BINARY)

    assert accepted(full_event()) == replace(
        binary, id=full_event()["id"], source="https://lms.example.com/planner"
    )


REQUIRED = (
    *("/specversion", "/id", "/source", "/type", "/time", "/data", *DATA_POINTERS.values(), "/data/session"),
    *(f"/data/session/{name}" for name in ("name", "trainerId", "delivery", "startsAt", "endsAt")),
)
OPTIONAL = (
    "/data/revision",
    *(f"/data/session/{name}" for name in ("description", "roomId", "lockedUntil", "gradeCategoryId")),
)


@pytest.mark.parametrize("pointer", REQUIRED)
def test_a_missing_field_is_named(pointer: str) -> None:
    """Each of them, alone."""
    refusal = refused(with_field(pointer))

    assert [pointer] == pointers(refusal)
    assert refusal.problems[0].problem.startswith("is missing; ")
    assert refusal.error_class == ErrorClass.EVENT_INVALID


@pytest.mark.parametrize("pointer", OPTIONAL)
def test_an_optional_field_may_be_left_out(pointer: str) -> None:
    """Absent means: stays as it is."""
    event = accepted(with_field(pointer))

    assert all(value is not None for value in event.session_data.values())


@pytest.mark.parametrize("pointer", [*REQUIRED, *OPTIONAL])
def test_null_is_refused_with_the_reason(pointer: str) -> None:
    """Zoho documents no way to clear a field."""
    refusal = refused(with_field(pointer, None))

    assert [pointer] == pointers(refusal)
    assert refusal.problems[0].problem.startswith("is null; ")
    assert (pointer in OPTIONAL) == ("no way to clear" in refusal.problems[0].problem)


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        (pointer, value)
        for pointer in (*REQUIRED, *OPTIONAL)
        for value in WRONG_TYPES
        if value != {} or pointer not in {"/data", "/data/session"}
    ],
)
def test_a_wrong_type_is_named_and_never_shown(pointer: str, value: object) -> None:
    """For every field, whatever stands there instead."""
    refusal = refused(with_field(pointer, value))

    assert [pointer] == pointers(refusal)
    assert str(value) not in refusal.message or value in ([], {})


@pytest.mark.parametrize("pointer", [*DATA_POINTERS.values(), *(f"/data/session/{n}" for n in SESSION_IDS)])
@pytest.mark.parametrize("number", [5, 478346000019479103, 10**400, 1e300])
def test_an_id_as_a_number_is_told_about_2_53(pointer: str, number: float) -> None:
    """Many tools round such numbers silently."""
    raw = json.dumps(with_field(pointer, "@")).replace('"@"', f"{number!r}").encode()

    refusal = refused(raw)

    assert [pointer] == pointers(refusal)
    assert "2^53" in refusal.problems[0].problem


@pytest.mark.parametrize("pointer", [*DATA_POINTERS.values(), *(f"/data/session/{n}" for n in SESSION_IDS)])
@pytest.mark.parametrize(
    "bad",
    ["", "1" * 31, "1/2", "..", "%2f", "1\x00", "1\n", " 1", "-1", "+1", "1.0", "१२", "¹", "0x1", "1e3"],
)
def test_an_id_has_digits_and_nothing_else(pointer: str, bad: str) -> None:
    """Ids become part of a path."""
    assert [pointer] == pointers(refused(with_field(pointer, bad)))


@pytest.mark.parametrize("good", ["0", "1" * 30])
def test_ids_of_one_to_thirty_digits_are_good(good: str) -> None:
    """The bounds themselves are in."""
    assert good == accepted(with_field("/data/courseId", good)).session.course_id


@pytest.mark.parametrize(("value", "revision"), [(0, 0), (7.0, 7), (2**63 - 1, 2**63 - 1)])
def test_a_revision_is_a_whole_number(value: object, revision: int) -> None:
    """To JSON, 7.0 is 7."""
    assert revision == accepted(with_field("/data/revision", value)).revision


@pytest.mark.parametrize("value", [-1, 2**63, 1.5, "7", -0.5])
def test_other_revisions_are_refused(value: object) -> None:
    """Below zero, beyond 64 bits, fractions and text."""
    assert pointers(refused(with_field("/data/revision", value))) == ["/data/revision"]


def test_a_revision_of_five_thousand_digits_is_refused() -> None:
    """As a field's fault: the JSON is fine."""
    raw = json.dumps(with_field("/data/revision", "@")).replace('"@"', "9" * 5_000).encode()

    assert pointers(refused(raw)) == ["/data/revision"]


def test_endless_digits_in_an_unknown_field_do_no_harm() -> None:
    """Unknown fields are ignored, whatever they hold."""
    raw = json.dumps(with_field("/data/seats", "@")).replace('"@"', "9" * 5_000).encode()

    assert accepted(full_event()) == accepted(raw)


def _snake(event: dict[str, Any]) -> None:
    event["data"]["course_id"] = event["data"].pop("courseId")


def test_a_field_has_one_name_and_any_other_is_unknown() -> None:
    """As the JSON Schema has it: not the one that it has in our own code."""
    known = full_event(lambda event: event["data"]["session"].pop("roomId"))
    odd = full_event(lambda event: event["data"]["session"].update(room_id=7))
    del odd["data"]["session"]["roomId"]

    assert ["/data/courseId"] == pointers(refused(full_event(_snake)))
    assert accepted(known) == accepted(odd)


def test_a_name_of_white_space_is_none() -> None:
    """White space as ECMA-262 has it, which JSON Schema's patterns are: so a schema and we agree."""
    blank = [each for each in map(chr, range(0x10000)) if category(each) == "Zs" or each in ECMA_WHITE]
    other = [each for each in map(chr, range(0x10000)) if each not in blank and category(each) != "Cs"]

    assert len(blank) == 25
    for text in (*blank, "".join(blank)):
        assert ["/data/session/name"] == pointers(refused(session_event(name=text)))
    for each in other:
        assert each == _NAME.validate_python(each)


@pytest.mark.parametrize(
    ("field", "length", "is_good"),
    [
        ("name", 1_000, True),
        ("name", 1_001, False),
        ("description", 50_000, True),
        ("description", 50_001, False),
        ("description", 0, True),
    ],
)
def test_texts_are_bounded_in_characters(field: str, length: int, is_good: bool) -> None:
    """Characters, not bytes."""
    reading = read(session_event(**{field: "é" * length}), rules=replace(KOLKATA, input_style="json"))

    assert is_good == (not hasattr(reading, "error_class"))


@pytest.mark.parametrize("field", ["id", "source"])
@pytest.mark.parametrize(
    ("value", "is_good"), [("a" * 1024, True), ("a" * 1025, False), ("é" * 512, True), ("é" * 513, False)]
)
def test_id_and_source_are_bounded_in_bytes(field: str, value: str, is_good: bool) -> None:
    """1,024 bytes of UTF-8, and out of bounds they are no identity either."""
    event = full_event(lambda each: each.update({field: value}))

    if is_good:
        assert value == getattr(accepted(event), field)
    else:
        refusal = refused(event)
        assert [f"/{field}"] == pointers(refusal)
        assert "1,024 bytes" in refusal.problems[0].problem
        assert getattr(refusal.identity, field) is None


def moment(seconds_from_now: float) -> str:
    """RFC 3339."""
    return (datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=seconds_from_now)).isoformat()


@pytest.mark.claim("S-06")
def test_a_time_too_far_ahead_is_retryable_where_it_is_the_only_fault() -> None:
    """Five minutes are let pass, not more."""
    ahead = full_event(lambda event: event.update(time=moment(300.001)))

    accepted(full_event(lambda event: event.update(time=moment(300))))
    assert (pointers(refused(ahead)), refused(ahead).retryable) == (["/time"], True)


@pytest.mark.parametrize(
    "fields", [{"delivery": "hybrid"}, {"endsAt": "2026-12-02T11:00:00+05:30"}], ids=["invalid", "unmappable"]
)
def test_a_time_ahead_with_another_fault_is_final(fields: dict[str, str]) -> None:
    """Both are listed."""
    event = session_event(**fields) | {"time": moment(301)}

    refusal = refused(event)

    assert {"/time", f"/data/session/{next(iter(fields))}"} == set(pointers(refusal))
    assert (refusal.error_class, refusal.retryable) == (ErrorClass.EVENT_INVALID, False)


@pytest.mark.claim("S-06")
@pytest.mark.parametrize(
    ("timestamp_ahead", "most"), [(-86_400, 300), (0, 300), (900, 1_200), (3_600, 3_900)]
)
def test_the_later_of_clock_and_timestamp_counts(timestamp_ahead: int, most: int) -> None:
    """A record from a broker whose clock runs ahead of ours is not refused for it; an old one gains none."""
    timestamp_ms = round((NOW + timestamp_ahead) * 1000)
    good = full_event(lambda each: each.update(time=moment(most)))
    ahead = full_event(lambda each: each.update(time=moment(most + 1)))

    assert not hasattr(read_record(record(good, timestamp_ms=timestamp_ms), KOLKATA, NOW), "error_class")
    assert hasattr(read_record(record(ahead, timestamp_ms=timestamp_ms), KOLKATA, NOW), "error_class")


@pytest.mark.parametrize("raw", [b"[]", b'"x"', b"1", b"null", b"true"])
@pytest.mark.parametrize("headers", [BINARY, (("content-type", b"application/cloudevents+json"),)])
def test_json_that_is_no_object_is_unreadable(raw: bytes, headers: Any) -> None:
    """In both modes."""
    assert refused(raw, headers).error_class == ErrorClass.EVENT_UNREADABLE


@pytest.mark.parametrize(
    "raw", [None, b"", b"{", b"\xff", b"[" * 10_000, b" " * 262_145, b"{" + b" " * 262_143 + b"}"]
)
def test_what_cannot_be_read_is_unreadable_and_final(raw: bytes | None) -> None:
    """With a sentence, without fields."""
    refusal = refused(raw)

    assert (
        refusal.error_class,
        refusal.problems,
        refusal.retryable,
    ) == (ErrorClass.EVENT_UNREADABLE, (), False)
    assert refusal.message.endswith(".")


def test_an_unreadable_value_in_binary_mode_keeps_its_identity() -> None:
    """The headers can be read."""
    identity = refused(b"{", BINARY).identity

    assert EventIdentity("e-1", "urn:test", "2026-11-20T08:15:30+00:00") == identity


def test_every_fault_is_listed_at_once() -> None:
    """Whoever mends an event wants to do it once."""
    event = {"specversion": "2", "id": "", "source": 1, "type": "x", "time": "now", "data": {"session": {}}}

    assert set(REQUIRED) - {"/data", "/data/session"} == set(pointers(refused(event)))


def test_another_type_is_invalid_or_skipped_as_the_settings_say() -> None:
    """Where it is refused, the type is named first."""
    event = full_event(lambda each: each.update(type="course.created.v1", specversion="0.3"))

    assert pointers(refused(event))[0] == "/type"
    assert OtherType("course.created.v1") == read(event, rules=SKIPPING)


def test_another_type_in_binary_mode_is_skipped_before_its_value_is_read() -> None:
    """It may be of any format, and have no value."""
    headers = (("content-type", b"application/protobuf"), ("ce_specversion", b"1.0"), ("ce_type", b"other"))

    assert OtherType("other") == read(b"\xff", headers, SKIPPING)
    assert OtherType("other") == read(None, headers, SKIPPING)


def test_a_type_that_is_no_text_is_not_skipped() -> None:
    """It is a fault, not another type."""
    event = full_event(lambda each: each.update(type=5))

    assert pointers(refused(event, rules=SKIPPING)) == ["/type"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"id": "a\x85b"},
            EventIdentity(None, "https://lms.example.com/planner", "2026-11-20T08:15:30+00:00", revision=7),
        ),
        ({"id": 5, "source": None, "time": "x"}, EventIdentity(revision=7)),
    ],
)
def test_identity_holds_what_a_valid_event_may_have(change: dict[str, Any], expected: EventIdentity) -> None:
    """The rest is left out, one by one."""
    event = full_event(lambda each: each.update(change | {"specversion": "x"}))
    session = SessionKey(*(event["data"][name] for name in DATA_POINTERS))

    assert replace(expected, session=session) == refused(event).identity


def test_a_session_is_named_only_by_four_valid_ids() -> None:
    """Half a key would lead astray."""
    assert refused(with_field("/data/batchId", "x")).identity.session is None


def test_an_event_is_read_again_without_its_clock() -> None:
    """The worker keeps records; a clock set back in between is no reason to fail."""
    event = full_event(lambda each: each.update(time=moment(200)))
    kept = record(event)

    assert read_record(kept, KOLKATA, NOW) == reread(kept, KOLKATA)
    reread(record(full_event(lambda each: each.update(time=moment(9_000)))), KOLKATA)


def test_reading_again_what_was_no_event_is_an_error() -> None:
    """It names the record, not its content."""
    with pytest.raises(TypeError, match="t:0:7 is no longer a valid event"):
        reread(record(b"{}"), KOLKATA)

"""In which mode a record is."""

import pytest

from consumer.events.headers import Binary, NoMode, Structured, find_mode
from consumer.records import Headers
from tests.unit.events.samples import BINARY, STRUCTURED, accepted, full_event, pointers, refused

DATA = full_event()["data"]


def without(name: str) -> Headers:
    """The binary mode's headers but for one."""
    return tuple(header for header in BINARY if header[0] != name)


@pytest.mark.parametrize(
    "content_type",
    [
        b"application/cloudevents+json",
        b"Application/CloudEvents+JSON; charset=utf-8",
        b" application/cloudevents+json ",
    ],
)
def test_the_content_type_decides_for_structured_mode(content_type: bytes) -> None:
    """Without parameters, in any case, whatever ce_ headers say."""
    assert Structured() == find_mode((("content-type", content_type), *BINARY[1:]))


@pytest.mark.parametrize("content_type", [b"application/json", b"APPLICATION/JSON ;charset=UTF-8"])
def test_the_content_type_decides_for_binary_mode(content_type: bytes) -> None:
    """Attributes may be missing then: they are the event's faults."""
    assert Binary({}) == find_mode((("content-type", content_type),))


def test_without_a_content_type_ce_specversion_makes_it_binary() -> None:
    """As the contract says."""
    assert isinstance(find_mode(without("content-type")), Binary)
    assert accepted(DATA, without("content-type")).id == "e-1"


@pytest.mark.parametrize(
    ("headers", "part"),
    [
        ((), "is no CloudEvent"),
        ((("ce_id", b"1"),), "is no CloudEvent"),
        ((("content-type", b"text/plain"), *BINARY[1:]), "not one we read"),
        ((("content-type", b"application/cloudevents-batch+json"),), "not one we read"),
        ((("content-type", b""),), "is empty or not UTF-8"),
        ((("content-type", b"\xff"),), "is empty or not UTF-8"),
        ((("content-type", None),), "is empty or not UTF-8"),
        ((*STRUCTURED, *STRUCTURED), "appears more than once"),
    ],
)
def test_neither_mode_is_unreadable_with_a_reason(headers: Headers, part: str) -> None:
    """The message says what to send."""
    mode = find_mode(headers)
    refusal = refused(DATA, headers)

    assert isinstance(mode, NoMode)
    assert part in refusal.message
    assert refusal.error_class == "event_unreadable"


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type", "time"])
@pytest.mark.parametrize(
    ("value", "part"), [(None, "has no value"), (b"\xff", "is not UTF-8"), (b"", ""), (..., "is missing")]
)
def test_each_bad_attribute_is_named_once(name: str, value: object, part: str) -> None:
    """At its pointer as in structured mode, with the header's own fault."""
    spoilt = () if value is ... else ((f"ce_{name}", value),)
    headers = (*without(f"ce_{name}"), *spoilt)

    refusal = refused(DATA, headers)

    assert [f"/{name}"] == pointers(refusal)
    assert part in refusal.problems[0].problem


def test_a_repeated_attribute_is_refused() -> None:
    """Which of two counts would be a guess; nor is either shown as the event's id."""
    refusal = refused(DATA, (*BINARY, ("ce_id", b"e-2")))

    assert pointers(refusal) == ["/id"]
    assert "more than once" in refusal.problems[0].problem
    assert refusal.identity.id is None


def test_hostile_headers_without_a_meaning_are_passed_over() -> None:
    """Odd, empty, repeated and a thousand of them."""
    hostile: Headers = (
        ("ce_extension", b"\xff"),
        ("", b""),
        ("\udcff", None),
        ("__dlq.errors.topic", b"x"),
        *(("x", b"y"),) * 1_000,
    )

    assert accepted(DATA, BINARY + hostile) == accepted(DATA, BINARY)
    assert accepted(full_event(), STRUCTURED + hostile) == accepted(full_event())


def test_ce_headers_of_a_structured_event_say_nothing() -> None:
    """The value alone is read, even where they contradict it or can't be read."""
    both = (*STRUCTURED, ("ce_id", b"other"), ("ce_id", None), ("ce_time", b"\xff"))

    assert accepted(full_event()) == accepted(full_event(), both)

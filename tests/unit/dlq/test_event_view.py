"""A dead letter's event as people see it, each fault at its place."""

from dataclasses import replace

import pytest

from consumer.dlq.event_view import annotated, excerpt, view_event
from consumer.records import Headers, Record
from tests.fakes.dlq_topics import Failed

STRUCTURED: Headers = (("content-type", b"application/cloudevents+json"),)


def record(value: bytes | None, headers: Headers = STRUCTURED) -> Record:
    """As it was first read."""
    return Record("t", 0, 0, 0, None, value, headers)


def test_both_modes_are_shown_as_structured() -> None:
    """So that a fault's pointer fits either."""
    binary = view_event(Failed(minute=3).record())
    structured = view_event(record(b'{"id": "e3", "data": {}}'))

    assert ("binary", "e3") == (binary.mode, (binary.event or {})["id"])
    assert "1" == (binary.event or {})["data"]["courseId"]
    assert ("structured", {"id": "e3", "data": {}}) == (structured.mode, structured.event)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "The record has no value (null)."),
        (b"[]", "The value is JSON, but not an object."),
        (b"{", "The value is not valid JSON at line 1, column 2: the JSON ends too early; send all of it."),
    ],
)
def test_what_is_no_event_says_why(value: bytes | None, expected: str) -> None:
    """In the words of its dead letter."""
    found = view_event(record(value))

    assert (None, expected) == (found.event, found.problem)


def test_an_object_in_neither_mode_is_shown_all_the_same() -> None:
    """With what makes it none."""
    found = view_event(record(b'{"a": 1}', ()))

    assert (None, {"a": 1}) == (found.mode, found.event)
    assert (found.problem or "").startswith("The record is no CloudEvent")


def test_faults_are_at_the_lines_of_their_fields() -> None:
    """Several of one field, of a nested one, of a list's, of a name that has to be escaped."""
    event = {"id": "x", "data": {"a/b": [1, {"c": 2}], "d": {}}}
    faults = [
        {"pointer": "/data/a~1b/1/c", "problem": "deep"},
        {"pointer": "/data/a~1b", "problem": "one"},
        {"pointer": "/data/a~1b", "problem": "two"},
        {"pointer": "", "problem": "all"},
    ]

    marked = [(line.text.strip(), line.problems) for line in annotated(event, faults) if line.problems]

    assert [("{", ("all",)), ('"a/b": [', ("one", "two")), ('"c": 2', ("deep",))] == marked


def test_what_is_missing_has_a_line_of_its_own() -> None:
    """In the object that lacks it; or, where that is missing too, in the nearest."""
    faults = [
        {"pointer": "/data/sessionId", "problem": "is missing"},
        {"pointer": "/data/session/name", "problem": "is missing"},
        {"pointer": "/time", "problem": "is missing"},
    ]

    assert [
        "{",
        '  "time": (missing)',
        '  "data": {',
        '    "sessionId": (missing)',
        '    "session.name": (missing)',
        '    "courseId": "1"',
        "  }",
        "}",
    ] == [line.text for line in annotated({"data": {"courseId": "1"}}, faults)]


def test_an_empty_object_is_opened_for_what_it_lacks() -> None:
    """With or without a comma after it."""
    faults = [{"pointer": f"/{name}/c", "problem": "is missing"} for name in "ab"]
    expected = ["{", '  "a": {', '    "c": (missing)', "  },", '  "b": {', '    "c": (missing)', "  }", "}"]

    assert expected == [line.text for line in annotated({"a": {}, "b": {}}, faults)]


def test_an_excerpt_is_around_the_fault_and_bounded() -> None:
    """Of a long value, with what is cut away marked, and nothing that moves a cursor."""
    value = b'{"a": "' + b"x" * 5_000 + b'", \x1b' + b"y" * 5_000
    problem = view_event(record(value)).problem

    (line,) = excerpt(value, problem)

    assert line.startswith("…") and line.endswith("…")  # noqa: PT018
    assert '", \\x1by' in line
    assert len(line) < 600


def test_bytes_that_are_no_text_are_dumped_around_the_first() -> None:
    """Eight rows at most."""
    rows = excerpt(b"a" * 1_000 + b"\xff" + b"b" * 1_000, None)

    assert 8 == len(rows)
    assert any("ff 62" in row and ".bb" in row for row in rows)


def test_any_bytes_are_shown() -> None:
    """A dead letter is what nobody expected."""
    for value in (
        b"",
        b"\xff",
        b"[" * 10_000,
        b'{"a":' + b"9" * 5_000 + b"}",
        b'"\\ud800"',
        b'{"a":1,"a":1}',
    ):
        found = view_event(replace(record(value)))
        if found.event is None:
            excerpt(value, found.problem)
        else:
            annotated(found.event, [{"pointer": "/~", "problem": "x"}, {}])

"""Files with events in them."""

import json
import time
from typing import Any

import pytest

from consumer.events.documents import Document, Finding, findings_in, form_of, read_document, split_documents
from consumer.events.model import Event
from tests.unit.events.samples import KOLKATA, NOW, full_event, session_event

ENOUGH = 262_144


def found(text: str) -> list[Finding]:
    """Every problem of a file."""
    findings: list[Finding] = []
    for document in split_documents(text.encode()):
        form = form_of(document.raw, ENOUGH)
        reading = read_document(document, form, KOLKATA, NOW, maps=True)
        findings += findings_in(document, form, reading, ENOUGH)
    return findings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [("", 1)]),
        (" \n ", [("", 2)]),
        ("[]", []),
        ("\n[ ]\n", []),
        ('{"a": 1}', [('{"a": 1}', 1)]),
        ('\n\n{\n "a": 1\n}\n', [('{\n "a": 1\n}', 3)]),
        ('{"a":1}\n\n{"b":2}\r\n', [('{"a":1}', 1), ('{"b":2}', 3)]),
        ('{"a":1}\nx\n{"b":\n', [('{"a":1}', 1), ("x", 2), ('{"b":', 3)]),
        ('[{"a":[1,2]},\n\n  {"b":","}\n]', [('{"a":[1,2]}', 1), ('{"b":","}', 3)]),
        ("[1,\n,3]", [("1", 1), ("", 2), ("3", 2)]),
        ("[1]\nx", [("1", 1), ("x", 2)]),
        ('{\n"a": 1\n}\n{\n"b": 2\n}', [('{\n"a": 1\n}', 1), ('{\n"b": 2\n}', 4)]),
        ('\ufeff{"a":1}', [('{"a":1}', 1)]),
        ("hello\nworld", [("hello\nworld", 1)]),
        ('1\n{"a":1}\n{"b":\n{"c":3}', [("1", 1), ('{"a":1}', 2), ('{"b":', 3), ('{"c":3}', 4)]),
        ('hello\n{\n"a":1}\nx {"b":2}', [("hello", 1), ('{\n"a":1}', 2), ('x {"b":2}', 4)]),
    ],
)
def test_a_file_is_one_event_an_array_or_lines(text: str, expected: list[tuple[str, int]]) -> None:
    """Each document starts on its true line."""
    documents = list(split_documents(text.encode()))

    assert expected == [(document.raw.decode(), document.line) for document in documents]


def test_odd_bytes_survive_the_splitting() -> None:
    """They are the reader's to refuse, in their own document alone."""
    assert [each.raw for each in split_documents(b'[{"a":"\xff"},{"b":1}]')] == [b'{"a":"\xff"}', b'{"b":1}']


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-16-le", "utf-32"])
def test_a_file_in_another_encoding_is_one_problem(encoding: str) -> None:
    """Not one for each half of a line break."""
    text = f"{json.dumps(full_event())}\n{json.dumps(full_event())}\n"
    [document] = split_documents(text.encode(encoding))
    [finding] = findings_in(
        document, "structured", read_document(document, "structured", KOLKATA, NOW, maps=True), 9
    )

    assert finding == Finding(1, "", "The file is UTF-16 or UTF-32, not UTF-8; save it as UTF-8.")


def test_a_large_array_is_read_as_it_is_asked_for() -> None:
    """The first event is there before the last one is looked for."""
    raw = b"[" + b'{"a":1},' * 200_000 + b"{}]"
    started_at = time.process_time()
    first = next(split_documents(raw))

    assert (Document(b'{"a":1}', 1), True) == (first, time.process_time() - started_at < 0.5)


def test_an_array_without_its_end_is_a_finding() -> None:
    """A file cut off between two events would look complete otherwise."""
    findings = found(f"[{json.dumps(full_event())},\n")

    assert [(each.line, each.pointer) for each in findings] == [(2, "")]
    assert "not closed" in findings[0].problem


@pytest.mark.parametrize(
    ("content", "form"),
    [
        (full_event(), "structured"),
        (full_event()["data"], "bare"),
        ({"sessionId": "1"}, "bare"),
        ({"specversion": "1.0"}, "structured"),
        ({}, "structured"),
        ([], "structured"),
    ],
)
def test_bare_data_is_told_from_a_whole_event(content: Any, form: str) -> None:
    """By the fields that only one of them has."""
    assert form == form_of(json.dumps(content).encode(), ENOUGH)


def test_bare_data_is_read_like_the_data_of_an_event() -> None:
    """The same problems at the same pointers."""
    event = session_event(name="")

    whole, bare = found(json.dumps(event)), found(json.dumps(event["data"]))

    assert [each.pointer for each in whole] == ["/data/session/name"]
    assert whole == bare


def test_a_problem_has_the_line_of_its_field() -> None:
    """Where the field is missing, that of the object it is missing in."""
    event = session_event(name="")
    del event["data"]["session"]["trainerId"]
    text = json.dumps(event, indent=1)
    lines = text.split("\n")

    assert {
        "/data/session/name": next(i for i, line in enumerate(lines, 1) if '"name"' in line),
        "/data/session/trainerId": next(i for i, line in enumerate(lines, 1) if '"session"' in line),
    } == {each.pointer: each.line for each in found(text)}


def test_lines_are_true_in_arrays_and_json_lines() -> None:
    """The second event's fault is on its line."""
    good, bad = json.dumps(full_event()), json.dumps(session_event(name=""))

    assert [each.line for each in found(f"{good}\n\n{bad}\n")] == [3]
    assert [each.line for each in found(f"[\n{good}\n,\n{bad}\n]")] == [4]
    assert [each.line for each in found('{\n"specversion":\n"1.0" "x"}')] == [3]


def test_without_a_zone_the_mapping_is_left_out() -> None:
    """Nothing is said about what can't be known."""
    document = Document(json.dumps(session_event(endsAt="2026-12-05T10:00:00Z")).encode())

    assert isinstance(read_document(document, "structured", KOLKATA, NOW, maps=False), Event)
    assert not isinstance(read_document(document, "structured", KOLKATA, NOW, maps=True), Event)


def test_a_large_file_is_split_in_linear_time() -> None:
    """100,000 lines take well under a second or two."""
    assert sum(1 for _ in split_documents(b'{"a":1}\n' * 100_000)) == 100_000

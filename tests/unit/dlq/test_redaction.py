"""What can still be seen of a dead letter that is masked for a ticket."""

import json
from dataclasses import replace
from typing import Any

import pytest

from consumer.delivery.verdicts import ZohoAnswer
from consumer.dlq.files import Exported
from consumer.dlq.redaction import redact, shape
from consumer.records import Record
from tests.fakes.exports import exported
from tests.unit.events.samples import BINARY, STRUCTURED, full_event, record


def redacted(of: Record, answer: ZohoAnswer | None = None) -> tuple[dict[str, Any], Exported]:
    """Its row and contents, masked."""
    row, contents = redact(*exported(of, answer))
    return dict(row), contents


def test_the_fault_can_be_seen() -> None:
    """Structure, names, types and ids stay; dates, texts and what is unknown are shapes."""
    event = full_event()
    event["data"]["session"] |= {
        "startsAt": "01.12.2026 10:00 Uhr",
        "name": "Brandübung 7\u00a0🔥",
        "endsat": True,
    }
    event["data"] |= {
        "note": [None, -1.5e3, {"by": "Ann"}],
        "moduleId": 478346000019479119,
        "batchId": "A-12",
    }
    event["data"]["session"]["description"] = "secret " * 20

    row, contents = redacted(record(event))

    found = json.loads(contents.value or b"")
    expected = full_event()
    expected["data"] |= {
        "xxxx": [None, -9999.9, {"xx": "xxx"}],
        "moduleId": 478346000019479119,
        "batchId": "x-99",
    }
    expected["data"]["session"] = {
        "name": "xxxxxxxxxx 9\u00a0?",
        "trainerId": "999999999999999999",
        "delivery": "classroom",
        "startsAt": "99.99.9999 99:99 xxx",
        "endsAt": "9999-99-99x99:99:99+99:99",
        "description": "(140 characters)",
        "roomId": "999999999999999999",
        "lockedUntil": "9999-99-99",
        "gradeCategoryId": "999999999999999999",
        "endsat": True,
    }
    assert {name: expected[name] for name in expected if name != "data"} == {
        name: found[name] for name in found if name != "data"
    }
    assert expected["data"]["session"] == found["data"]["session"]
    assert expected["data"] == found["data"]
    assert "event_invalid" == row["class"]
    assert "/data/batchId" in row["message"]
    assert 3 == len(row["details"])


def test_numbers_and_repeated_names_stay_as_they_are_written() -> None:
    """They may be the fault; what is no JSON becomes its length and a hash."""
    raw = b'{"revision": 1e3, "courseId": 00}'
    _, contents = redacted(record(raw, BINARY))
    assert b"(33 bytes)" == contents.value

    raw = b'{"revision": 1.5, "courseId": 12, "revision": 7, "a": NaN, "session": {"name": 5}}'
    _, contents = redacted(record(raw, BINARY))
    assert (
        b'{"revision": 9.9, "courseId": 12, "revision": 7, "x": NaN, "session": {"name": 9}}'
        == contents.value
    )


def test_headers_say_whose_fault_it_is() -> None:
    """CloudEvents' attributes and ours stay, others are masked; misspelt names can be read."""
    headers = (
        ("content-type", b"application/json"),
        ("ce_specversion", b"1.0"),
        ("ce_source", b"https://ann:pw@lms.example.com/planner?token=1#top"),
        ("ce_type", b"training.session.changed.v1"),
        ("ce_time", b"yesterday, 5 o'clock"),
        ("Ce_Id", b"e-1"),
        ("tenant", b"Acme 5"),
        ("trace", b"\xff\x00"),
        ("tenant", None),
    )
    row, contents = redacted(record(full_event()["data"], headers))

    found = dict(contents.headers)
    assert (
        ("content-type", b"application/json"),
        ("ce_specversion", b"1.0"),
        ("ce_source", b"https://x@lms.example.com/planner?x"),
        ("ce_type", b"training.session.changed.v1"),
        ("ce_time", b"xxxxxxxxx, 9 x'xxxxx"),
        ("Ce_Id", b"x-9"),
        ("xxxxxx", b"xxxx 9"),
    ) == contents.headers[:7]
    assert ("xxxxx", True) == (
        contents.headers[7][0],
        contents.headers[7][1] == b"(2 bytes)",
    )
    assert ("xxxxxx", None) == contents.headers[8]
    assert "https://x@lms.example.com/planner?x" == row["event_source"]
    assert b"https://x@lms.example.com/planner?x" == found["dlq.event.source"]
    assert row["message"].encode() == found["__dlq.errors.message"]


def test_what_zoho_said_is_masked_in_the_message_too() -> None:
    """Our words, the status and the code stay."""
    row, contents = redacted(record(full_event()), ZohoAnswer(400, "7404", "Bad trainer Ann Lee"))

    found = dict(contents.headers)
    assert "Zoho refused it (HTTP 400, code 7404)" == row["message"]
    assert b"Zoho refused it (HTTP 400, code 7404)" == found["__dlq.errors.message"]
    assert b"xxx xxxxxxx xxx xxx" == found["dlq.zoho.message"]
    assert b"7404" == found["dlq.zoho.code"]


@pytest.mark.parametrize(
    ("key", "masked"),
    [
        (None, None),
        (b"478346000019553023", b"478346000019553023"),
        (b"1/2/3/4", b"1/2/3/4"),
        (b"ann@example.com", b"(15 bytes)"),
        (b"", b"(0 bytes)"),
    ],
)
def test_a_key_that_is_no_id_is_masked(key: bytes | None, masked: bytes | None) -> None:
    """Only its length stays."""
    _, contents = redacted(Record("t", 0, 7, 0, key, b"{}", STRUCTURED))

    assert masked == (contents.key if contents.key is None else contents.key[: len(masked or b"")])


def test_invisible_characters_are_not_taken_over() -> None:
    """A whole alphabet of them exists."""
    assert "x??9 \t?" == shape("a\u200b\U000e0061" + "1 \t\ud800")


def test_what_operators_wrote_is_masked() -> None:
    """Who replayed it, why, and what they searched for."""
    row, contents = exported(record(full_event()))
    names = ("dlq.replay.by", "dlq.replay.reason", "dlq.replay.selection")
    said = replace(contents, headers=(*contents.headers, *((name, b"Ann 5") for name in names)))

    _, masked = redact(row, said)

    assert tuple((name, b"xxx 9") for name in names) == masked.headers[-3:]

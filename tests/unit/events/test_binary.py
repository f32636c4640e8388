"""An event as a record to publish."""

import json

import pytest

from consumer.events.binary import Envelope, Message, to_message
from consumer.events.model import EventRules
from tests.unit.events.samples import KOLKATA, accepted, full_event

ENVELOPE = Envelope("new-id", "urn:cli", "2026-11-20T08:16:00Z")
ENOUGH = 262_144


def message_of(content: object, form: str = "structured") -> Message:
    """The record to send for it."""
    return to_message(
        json.dumps(content).encode(), "bare" if form == "bare" else "structured", ENVELOPE, ENOUGH
    )


def test_a_whole_event_goes_out_in_binary_mode_as_the_same_event() -> None:
    """Keyed by its session, and read back equal."""
    message = message_of(full_event())

    assert message.key == b"478346000019553023"
    assert message.headers[0] == ("content-type", b"application/json")
    assert accepted(full_event()) == accepted(message.value, message.headers, KOLKATA)


def test_bare_data_gets_the_attributes_of_the_envelope() -> None:
    """And nothing else."""
    message = message_of(full_event()["data"], "bare")

    event = accepted(message.value, message.headers)
    assert (event.id, event.source) == ("new-id", "urn:cli")


def test_extensions_become_headers() -> None:
    """CloudEvents has them beside the known attributes; null means absent."""
    headers = dict(message_of(full_event() | {"traceparent": "00-1", "seats": 20, "gone": None}).headers)

    assert (headers["ce_traceparent"], headers["ce_seats"]) == (b"00-1", b"20")
    assert "ce_gone" not in headers
    assert "ce_datacontenttype" not in headers


def test_wrong_fields_are_sent_as_they_are() -> None:
    """`--no-validate` mends nothing."""
    event = full_event()
    event["data"]["courseId"] = 478346000019479103

    assert b'"courseId":478346000019479103' in message_of(event).value


@pytest.mark.parametrize("raw", [b"{", b"\xff", b"[]", b'{"specversion":"1.0"}', b'{"a":1,"a":2}', b""])
def test_what_cannot_be_taken_apart_is_sent_as_it_stands(raw: bytes) -> None:
    """Byte for byte, in structured mode."""
    expected = Message(None, raw, (("content-type", b"application/cloudevents+json"),))

    assert expected == to_message(raw, "structured", ENVELOPE, ENOUGH)


def test_without_a_session_id_there_is_no_key() -> None:
    """A number is none: the key is the id's text."""
    event = full_event()
    event["data"]["sessionId"] = 1

    assert message_of(event).key is None


def test_rules_default_to_the_contract() -> None:
    """256 KiB and five minutes."""
    rules = EventRules(zone=KOLKATA.zone)

    assert (
        rules.max_event_bytes,
        rules.max_clock_skew_seconds,
        rules.input_style,
    ) == (262_144, 300.0, "query")

"""From a session to Zoho's sessionData."""

from dataclasses import replace
from urllib.parse import unquote

import pytest

from consumer.events.mapping import (
    MAX_REQUEST_TARGET_BYTES,
    request_path,
    request_target,
    request_target_bytes,
    session_data_json,
)
from consumer.events.model import EventRules, InputStyle, SessionKey
from consumer.events.zones import load_zone
from schemas.error_class import ErrorClass
from schemas.session_data import SessionData
from tests.unit.events.samples import KOLKATA, accepted, full_event, pointers, refused, session_event

KEY = SessionKey("1", "2", "3", "4")
PATH = "/api/v1/courses/1/batches/2/modules/3/sessions/4"


def rules(zone: str) -> EventRules:
    """A portal in that zone."""
    return EventRules(zone=load_zone(zone))


def test_the_contract_s_example_maps_as_the_page_has_it() -> None:
    """Names, order and forms are Zoho's."""
    session_data = accepted(full_event()).session_data

    assert list(session_data.items()) == [
        ("name", "Session API Testing"),
        ("trainerErecno", "478346000008251001"),
        ("type", "0"),
        ("date", "01-12-2026"),
        ("startTime", "10:00 AM"),
        ("endTime", "11:00 AM"),
        ("description", "API testing"),
        ("roomId", "478346000010125093"),
        ("lockUntil", "30-11-2026"),
        ("gradeCategoryId", "478346000019553021"),
    ]
    SessionData.model_validate(session_data)


def test_e_learning_is_type_one() -> None:
    """As Zoho's table says."""
    assert accepted(session_event(delivery="e-learning")).session_data["type"] == "1"


@pytest.mark.parametrize(
    ("clock", "expected"),
    [
        ("00:00", "12:00 AM"),
        ("00:59", "12:59 AM"),
        ("01:05", "01:05 AM"),
        ("12:00", "12:00 PM"),
        ("13:30", "01:30 PM"),
    ],
)
def test_times_are_on_a_padded_twelve_hour_clock(clock: str, expected: str) -> None:
    """Midnight is 12 AM and noon 12 PM."""
    event = session_event(startsAt=f"2026-12-01T{clock}:00+05:30", endsAt="2026-12-01T23:59:00+05:30")

    assert expected == accepted(event).session_data["startTime"]


def test_date_and_times_are_the_portal_s() -> None:
    """Whatever offset the publisher writes them with."""
    event = session_event(startsAt="2026-11-30T21:30:00-05:00", endsAt="2026-12-01T03:30:00Z")

    session_data = accepted(event, rules=rules("Pacific/Auckland")).session_data

    assert tuple(session_data[name] for name in ("date", "startTime", "endTime")) == (
        "01-12-2026",
        "03:30 PM",
        "04:30 PM",
    )


@pytest.mark.parametrize(
    ("zone", "starts", "ends", "blamed"),
    [
        ("Asia/Kolkata", "2026-12-01T11:00:00+05:30", "2026-12-01T11:00:00+05:30", ["endsAt"]),
        ("Asia/Kolkata", "2026-12-01T11:00:00+05:30", "2026-12-01T10:00:00+05:30", ["endsAt"]),
        ("Asia/Kolkata", "2026-12-01T11:00:00+05:30", "2026-12-01T11:30:00+06:30", ["endsAt"]),
        ("Asia/Kolkata", "2026-12-01T18:00:00Z", "2026-12-01T19:00:00Z", ["endsAt"]),
        ("Asia/Kolkata", "2026-12-01T22:00:00+05:30", "2026-12-02T00:00:00+05:30", ["endsAt"]),
        ("Asia/Kolkata", "2026-12-01T10:00:01+05:30", "2026-12-01T11:00:00+05:30", ["startsAt"]),
        ("Asia/Kolkata", "2026-12-01T10:00:00+05:30", "2026-12-01T11:00:00.5+05:30", ["endsAt"]),
        ("Asia/Kolkata", "2026-12-01T10:00:00.0000001+05:30", "2026-12-01T11:00:00+05:30", ["startsAt"]),
        (
            "Asia/Kolkata",
            "2026-12-01T10:00:30+05:30",
            "2026-12-01T09:00:30+05:30",
            ["startsAt", "endsAt", "endsAt"],
        ),
        ("Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", ["endsAt"]),
        ("Europe/Berlin", "2026-10-25T00:45:00Z", "2026-10-25T01:15:00Z", ["endsAt"]),
        ("Asia/Kolkata", "9999-12-31T20:00:00Z", "9999-12-31T21:00:00Z", ["startsAt"]),
        ("Asia/Kolkata", "1850-01-01T10:00:00Z", "1850-01-01T11:00:00Z", ["startsAt", "endsAt"]),
    ],
)
def test_what_zoho_cannot_hold_is_unmappable(zone: str, starts: str, ends: str, blamed: list[str]) -> None:
    """One date, whole minutes, and an end after the start, on the clock as well."""
    refusal = refused(session_event(startsAt=starts, endsAt=ends), rules=rules(zone))

    assert refusal.error_class == ErrorClass.EVENT_UNMAPPABLE
    assert [f"/data/session/{field}" for field in blamed] == pointers(refusal)
    assert refusal.identity.session is not None
    assert not refusal.retryable


@pytest.mark.parametrize(
    ("zone", "starts", "ends", "clock"),
    [
        ("Asia/Kolkata", "2026-12-01T00:00:00+05:30", "2026-12-01T23:59:00+05:30", ("12:00 AM", "11:59 PM")),
        ("Asia/Kolkata", "2026-12-01T23:00:00+14:00", "2026-12-02T01:00:00+14:00", ("02:30 PM", "04:30 PM")),
        ("Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z", ("02:00 AM", "03:00 AM")),
        ("Europe/Berlin", "2026-10-25T00:15:00Z", "2026-10-25T01:30:00Z", ("02:15 AM", "02:30 AM")),
        ("Europe/Berlin", "2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z", ("01:30 AM", "03:30 AM")),
        ("America/New_York", "2026-12-02T03:00:00Z", "2026-12-02T04:59:00Z", ("10:00 PM", "11:59 PM")),
    ],
)
def test_what_zoho_can_hold_is_mapped(zone: str, starts: str, ends: str, clock: tuple[str, str]) -> None:
    """A change of the clock or of the date elsewhere is no obstacle."""
    session_data = accepted(session_event(startsAt=starts, endsAt=ends), rules=rules(zone)).session_data

    assert clock == (session_data["startTime"], session_data["endTime"])


@pytest.mark.parametrize("style", ["query", "both"])
@pytest.mark.parametrize("field", ["description", "name"])
def test_a_request_target_beyond_8000_bytes_is_unmappable(style: InputStyle, field: str) -> None:
    """The message names the styles that would do."""
    event = session_event(**{"description": "d", field: "\N{SNOWMAN}" * 1_000})

    refusal = refused(event, rules=replace(KOLKATA, input_style=style))

    assert [f"/data/session/{field}"] == pointers(refusal)
    assert "json" in refusal.message
    assert "form" in refusal.message


@pytest.mark.parametrize("style", ["json", "form"])
def test_bodies_have_no_such_bound(style: InputStyle) -> None:
    """Only the path is in the target."""
    accepted(session_event(description="d" * 50_000), rules=replace(KOLKATA, input_style=style))


def test_the_last_byte_of_the_bound_is_in() -> None:
    """8,000 bytes are possible, 8,001 are not; a base path counts."""
    event = accepted(full_event(), rules=replace(KOLKATA, base_path="/people"))
    base = request_target_bytes(event.session, event.session_data, "query", "/people")
    room = MAX_REQUEST_TARGET_BYTES - base
    based = replace(KOLKATA, base_path="/people")

    accepted(session_event(description="API testing" + "d" * room), rules=based)
    refused(session_event(description="API testing" + "d" * (room + 1)), rules=based)


def test_the_path_escapes_every_id() -> None:
    """Ids have been checked before; the path trusts nobody."""
    hostile = SessionKey("../x", "a b", "%2f", "?q#")

    assert (
        request_path(hostile, "/p/")
        == "/p/api/v1/courses/..%2Fx/batches/a%20b/modules/%252f/sessions/%3Fq%23"
    )


def test_json_is_compact_and_keeps_its_characters() -> None:
    """In the order given."""
    assert session_data_json({"b": 'é"\n', "a": "/"}) == '{"b":"é\\"\\n","a":"/"}'


@pytest.mark.parametrize("style", ["query", "both"])
def test_the_query_carries_the_json_percent_encoded(style: InputStyle) -> None:
    """Nothing in it can end the parameter."""
    target = request_target(KEY, {"name": "a&b=c+d #é"}, style, "")

    head, _, query = target.partition("?sessionData=")
    assert (head, unquote(query)) == (PATH, '{"name":"a&b=c+d #é"}')
    assert not set(query) & set("&=+ #?")


@pytest.mark.parametrize("style", ["json", "form"])
def test_other_styles_have_no_query(style: InputStyle) -> None:
    """The data is in the body."""
    assert request_target(KEY, {"name": "x"}, style, "") == PATH

import json
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.emulator.validation import (
    MANDATORY,
    Input,
    Invalid,
    SessionData,
    check_fields,
    read_session_data,
)

GOOD = {
    "name": "Session API Testing",
    "trainerErecno": "478346000008251001",
    "type": "0",
    "date": "04-01-2022",
    "startTime": "10:00 AM",
    "endTime": "11:00 AM",
    "description": "API testing",
    "roomId": "478346000010125093",
    "lockUntil": "28-12-2021",
    "gradeCategoryId": "478346000019553021",
}
OTHER = GOOD | {"name": "Another"}


def in_query(fields: object) -> Input:
    return Input(query=(("sessionData", json.dumps(fields)),))


def in_json(fields: object) -> Input:
    return Input(content_type="application/json", body=json.dumps(fields).encode())


def in_form(fields: object) -> Input:
    body = urlencode({"sessionData": json.dumps(fields)}).encode()
    return Input(content_type="application/x-www-form-urlencoded", body=body)


def refused(given: Input) -> str:
    read = read_session_data("any", given)
    assert isinstance(read, Invalid)
    return f"{read.code} {read.message}"


def test_documented_sample_is_good() -> None:
    """Zoho's own sample passes."""
    assert check_fields(GOOD) is None


@pytest.mark.parametrize("name", MANDATORY)
def test_mandatory_field_must_be_there(name: str) -> None:
    """Each of the six mandatory fields is missed by name."""
    fields = {key: value for key, value in GOOD.items() if key != name}

    assert check_fields(fields) == Invalid("INPUT_PARAMETER_MISSING", f"missing: {name}")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", " \t"),
        ("name", 5),
        ("name", None),
        ("name", "\ud800"),
        ("trainerErecno", "47834600000825100a"),
        ("trainerErecno", "٣"),
        ("trainerErecno", 478346000008251001),
        ("type", "2"),
        ("type", 0),
        ("date", "2022-01-04"),
        ("date", "4-1-2022"),
        ("date", "30-02-2022"),
        ("date", "04_01_2022"),
        ("startTime", "9:00 AM"),
        ("startTime", "10:00 am"),
        ("startTime", "13:00 PM"),
        ("startTime", "00:30 AM"),
        ("endTime", "11:60 AM"),
        ("endTime", "11:00AM"),
        ("roomId", ""),
        ("lockUntil", "31-11-2021"),
        ("gradeCategoryId", "-1"),
    ],
)
def test_wrong_field_is_refused_by_name(name: str, value: object) -> None:
    """A wrong value is refused, and the message names the field and not the value."""
    assert check_fields(GOOD | {name: value}) == Invalid("INVALID_INPUT", f"invalid: {name}")


def test_session_must_end_after_it_starts() -> None:
    """The clock is read as a 12-hour clock: 12:30 AM is before 1 AM, and noon before 1 PM."""
    late = Invalid("INVALID_INPUT", "endTime is not after startTime")

    assert check_fields(GOOD | {"endTime": "10:00 AM"}) == late
    assert check_fields(GOOD | {"startTime": "12:00 PM", "endTime": "11:59 AM"}) == late
    assert check_fields(GOOD | {"startTime": "12:30 AM", "endTime": "01:00 AM"}) is None
    assert check_fields(GOOD | {"startTime": "12:00 PM", "endTime": "01:00 PM"}) is None


def test_unknown_field_is_refused() -> None:
    """A field that Zoho doesn't document is refused."""
    assert check_fields(GOOD | {"colour": "red"}) == Invalid("INVALID_INPUT", "1 unknown field(s)")


@pytest.mark.parametrize("style", ["query", "json", "form"])
def test_every_style_is_read(style: str) -> None:
    """`any` takes the data from wherever it is, and says from where."""
    given = {"query": in_query, "json": in_json, "form": in_form}[style](GOOD)

    assert read_session_data("any", given) == SessionData(GOOD, style)


def test_one_style_looks_nowhere_else() -> None:
    """A server that reads the query ignores a body, and misses what is only there."""
    both = Input(in_query(GOOD).query, "application/json", in_json(OTHER).body)

    assert read_session_data("query", both) == SessionData(GOOD, "query")
    assert read_session_data("json", both) == SessionData(OTHER, "json")
    assert read_session_data("query", in_json(GOOD)) == Invalid(
        "INPUT_PARAMETER_MISSING", "sessionData is missing"
    )


def test_both_demands_agreement() -> None:
    """With `both`, query and body must hold the same."""
    agreed = Input(in_query(GOOD).query, "application/json", in_json(GOOD).body)
    differing = Input(in_query(GOOD).query, "application/json", in_json(OTHER).body)

    assert read_session_data("both", agreed) == SessionData(GOOD, "query+json")
    assert read_session_data("both", differing) == Invalid(
        "INVALID_INPUT", "sessionData differs between query and json"
    )


def test_what_is_not_session_data_is_refused() -> None:
    """Not JSON, not an object, twice, something else beside it: each is refused and named."""
    twice = Input(query=(*in_query(GOOD).query, *in_query(GOOD).query))
    beside = Input(query=(*in_query(GOOD).query, ("x", "1")))

    assert (
        refused(Input(query=(("sessionData", "{"),))) == "INVALID_INPUT sessionData in the query is not JSON"
    )
    assert refused(in_json([])) == "INVALID_INPUT the body is not a JSON object"
    assert refused(Input(query=(("sessionData", '{"name":"a","name":"b"}'),))).endswith("is not JSON")
    assert refused(Input(query=(("sessionData", '{"name":NaN}'),))).endswith("is not JSON")
    assert refused(twice).endswith("must hold sessionData, once, and nothing else")
    assert refused(beside).endswith("must hold sessionData, once, and nothing else")
    assert refused(Input(content_type="application/json", body=b"\xff")).endswith("the body is not UTF-8")
    assert refused(Input(content_type="application/json", body=b"[" * 100_000)).endswith("is not JSON")


@given(
    st.recursive(
        st.none() | st.booleans() | st.text() | st.integers(),
        lambda c: st.lists(c) | st.dictionaries(st.text(), c),
    )
)
def test_any_json_is_judged(value: object) -> None:
    """Whatever JSON comes, it is judged: no exception, and no content in the message."""
    read = read_session_data("any", in_json(value))

    assert isinstance(read, Invalid)

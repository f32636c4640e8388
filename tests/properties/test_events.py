"""The reader against everything: no bytes, headers or times get past it, or make it fail."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from consumer.events.binary import Envelope, to_message
from consumer.events.documents import findings_in, form_of, read_document, split_documents
from consumer.events.mapping import request_target, request_target_bytes
from consumer.events.model import Event, OtherType, Refusal, SessionKey
from consumer.events.reading import read_record, reread
from consumer.events.strict_json import UnreadableJsonError, parse_json
from consumer.records import Record
from schemas.fields import MAX_ATTRIBUTE_BYTES
from schemas.moments import parse_date_time
from tests.unit.events.samples import BINARY, KOLKATA, NOW, STRUCTURED, full_event, read

ENOUGH = 262_144
ZOHO_ID = st.text("0123456789", min_size=1, max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
HEADER_NAMES = st.sampled_from(
    ["content-type", "ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_x", "\udcff", ""]
)
HEADER_VALUES = (
    st.none() | st.binary(max_size=40) | st.sampled_from([value for _, value in (*BINARY, *STRUCTURED)])
)
HEADERS = st.lists(st.tuples(HEADER_NAMES, HEADER_VALUES), max_size=12).map(tuple)
CONTROLS = frozenset(map(chr, (*range(32), *range(127, 160))))
# What an id or a source may be: also what is not printable, such as spaces without a width.
ATTRIBUTES = (
    st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1)
    | st.text(st.sampled_from("a\u00a0\u00ad\u200b\u202e\u2028\ufeff\ue000\U0010ffff"), min_size=1)
).filter(lambda text: len(text.encode()) <= MAX_ATTRIBUTE_BYTES)
POINTERS = [
    *((name,) for name in ("specversion", "id", "source", "type", "time", "data")),
    *(("data", name) for name in ("courseId", "batchId", "moduleId", "sessionId", "revision", "session")),
    *(
        ("data", "session", name)
        for name in (
            "name",
            "trainerId",
            "delivery",
            "startsAt",
            "endsAt",
            "description",
            "roomId",
            "lockedUntil",
        )
    ),
]


@st.composite
def broken_events(draw: st.DrawFn) -> bytes:
    """A good event with some fields replaced by anything."""
    event = full_event()
    for path in draw(st.lists(st.sampled_from(POINTERS), max_size=4)):
        place: Any = event
        for step in path[:-1]:
            place = place.get(step) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place[path[-1]] = draw(JSON)
    return json.dumps(event).encode("utf-8")


@st.composite
def cut_events(draw: st.DrawFn) -> bytes:
    """A good event with bytes cut out, or others put in."""
    raw = json.dumps(full_event()).encode()
    start = draw(st.integers(0, len(raw)))
    return raw[:start] + draw(st.binary(max_size=6)) + raw[start + draw(st.integers(0, 6)) :]


VALUES = (
    st.none()
    | st.binary(max_size=200)
    | broken_events()
    | cut_events()
    | JSON.map(lambda value: json.dumps(value).encode())
)


@settings(max_examples=400, deadline=None)
@given(
    value=VALUES,
    headers=HEADERS | st.sampled_from([BINARY, STRUCTURED]),
    timestamp_ms=st.integers(-1, 2**63 - 1),
)
@example(value=b"[" * 5_000, headers=STRUCTURED, timestamp_ms=-1)
@example(value=b'"\\ud800' * 2_000, headers=STRUCTURED, timestamp_ms=0)
def test_every_record_is_an_event_or_a_refusal(
    value: bytes | None, headers: tuple[tuple[str, bytes | None], ...], timestamp_ms: int
) -> None:
    """No exception; messages are bounded sentences of one line; no control characters in an identity."""
    record = Record("t", 0, 0, timestamp_ms, None, value, headers)

    reading = read_record(record, KOLKATA, NOW)

    match reading:
        case Event():
            assert reading == reread(record, KOLKATA)
        case Refusal():
            assert len(reading.message.encode()) <= 1_024
            assert reading.message.isprintable()
            assert reading.message.endswith(".")
            pointers = [(each.pointer, each.problem) for each in reading.problems]
            assert len(pointers) == len(set(pointers)) <= 40
            identity = reading.identity
            assert not CONTROLS.intersection(f"{identity.id}{identity.source}{identity.time}")
        case OtherType():
            raise AssertionError("no setting asks for that")


@settings(max_examples=300, deadline=None)
@given(id_=ATTRIBUTES, source=ATTRIBUTES, is_binary=st.booleans())
@example(id_="\u00a0", source="\u200b", is_binary=True)
def test_a_refused_event_has_every_id_and_source_that_a_valid_one_may_have(
    id_: str, source: str, is_binary: bool
) -> None:
    """So that its dead letter, its outcome and its line say whose it is, in both modes."""
    event = full_event(lambda event: event.update(id=id_, source=source))
    attributes = tuple((f"ce_{name}", text.encode()) for name, text in event.items() if name != "data")
    headers = (BINARY[0], *attributes) if is_binary else STRUCTURED

    good = read(event["data"] if is_binary else event, headers)
    del event["data"]["session"]["name"]
    bad = read(event["data"] if is_binary else event, headers)

    assert isinstance(good, Event)
    assert isinstance(bad, Refusal)
    assert (id_, source) == (good.id, good.source)
    assert good.identity == bad.identity


@settings(max_examples=200, deadline=None)
@given(raw=st.binary(max_size=300) | cut_events() | st.lists(broken_events(), max_size=3).map(b"\n".join))
def test_every_file_is_split_judged_and_sent_without_an_exception(raw: bytes) -> None:
    """And each finding stands on a line of the file."""
    line_count = raw.count(b"\n") + 1
    for document in split_documents(raw):
        form = form_of(document.raw, ENOUGH)
        reading = read_document(document, form, KOLKATA, NOW, maps=True)
        for finding in findings_in(document, form, reading, ENOUGH):
            assert 1 <= finding.line <= line_count
        to_message(document.raw, form, Envelope("i", "s", "t"), ENOUGH)


@settings(deadline=None)
@given(JSON)
def test_strict_json_agrees_with_the_standard_library(value: object) -> None:
    """On everything the standard library reads and the contract allows."""
    raw = json.dumps(value).encode()
    try:
        expected = json.loads(raw, parse_constant=lambda _: 1 / 0)
        json.dumps(expected, ensure_ascii=False).encode()  # fails for lone surrogates
    except (ZeroDivisionError, UnicodeEncodeError):
        expected = UnreadableJsonError
    try:
        found: object = parse_json(raw, ENOUGH)
    except UnreadableJsonError:
        found = UnreadableJsonError

    assert expected == found


@given(
    st.dictionaries(st.sampled_from(["name", "description"]), st.text(max_size=200)),
    st.sampled_from(["query", "json", "form", "both"]),
    st.tuples(ZOHO_ID, ZOHO_ID, ZOHO_ID, ZOHO_ID),
)
def test_the_counted_target_is_as_long_as_the_real_one(session_data: Any, style: Any, ids: Any) -> None:
    """It is counted without being built."""
    key = SessionKey(*ids)

    target = request_target(key, session_data, style, "/base")

    assert len(target) == request_target_bytes(key, session_data, style, "/base")
    assert target.isascii()


@given(
    st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1)),
    st.integers(-23 * 60, 23 * 60),
)
def test_what_python_writes_is_read_back(naive: datetime, offset_minutes: int) -> None:
    """Microseconds and offsets included."""
    moment = naive.replace(tzinfo=timezone(timedelta(minutes=offset_minutes)))

    assert moment == parse_date_time(moment.isoformat())
    assert moment.astimezone(UTC) == parse_date_time(
        moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    )

"""The reader of events: any record at all, most of them nearly good."""

import unicodedata
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from consumer.events.model import Event, OtherType, Refusal
from consumer.events.reading import read_record, reread
from consumer.records import Record
from schemas.error_class import ErrorClass
from tests.fuzz.pool import MARK, MOMENTS, as_json, broken, changed, headers, one_in, says_nothing, values
from tests.fuzz.report import Target
from tests.unit.events.samples import BINARY, KOLKATA, NOW, STRUCTURED, full_event

RULES = (KOLKATA, replace(KOLKATA, input_style="json"), replace(KOLKATA, skip_other_types=True))

# Which of its sentences an unreadable event was refused with.
_WHY = {
    "has no value": "null",
    "are allowed (CONSUMER_MAX": "too large",
    "The value is empty": "empty",
    "nested more than": "too deep",
    "is not UTF-8 (": "not UTF-8",
    "byte order mark": "byte order mark",
    "key is repeated": "repeated key",
    "NaN and Infinity": "NaN",
    "surrogate pair": "lone surrogate",
    "but not an object": "no object",
    "is not one we read": "content type",
    "appears more than once": "two content types",
    "is empty or not UTF-8": "no content type",
    "no CloudEvent": "no CloudEvent",
    "is not valid JSON": "not JSON",
}
_FIELDS = (
    *("/specversion", "/id", "/source", "/type", "/time", "/data"),
    *(f"/data/{name}" for name in ("courseId", "batchId", "moduleId", "sessionId", "revision", "session")),
    *(
        f"/data/session/{name}"
        for name in (
            *("name", "trainerId", "delivery", "startsAt", "endsAt"),
            *("description", "roomId", "lockedUntil", "gradeCategoryId"),
        )
    ),
)
_UNMAPPABLE = ("startsAt", "endsAt", "description")
KINDS = frozenset(
    (
        "event",
        "other type",
        "event_invalid, retryable",
        *(f"event_unreadable: {why}" for why in _WHY.values()),
        *(f"event_invalid: {field}" for field in _FIELDS),
        *(f"event_unmappable: /data/session/{field}" for field in _UNMAPPABLE),
    )
)


def _event() -> dict[str, Any]:
    event = full_event()
    event["data"]["session"]["name"] = MARK
    return event


@st.composite
def records(draw: st.DrawFn) -> tuple[Record, int]:
    """A record, and by which rules it is read."""
    event = draw(changed(_event()))
    if one_in(draw, 40):
        event = draw(st.one_of(values, st.just({"data": {"session": {"description": MARK * 3_000}}})))
    elif one_in(draw, 20) and isinstance(event.get("data"), dict):
        event["data"]["session"] = {**_event()["data"]["session"], "description": MARK * 700}
    elif one_in(draw, 5):
        event = _event()
        session = event["data"]["session"]
        for place, name in ((session, "startsAt"), (session, "endsAt"), (event, "time")):
            place[name] = draw(st.sampled_from([place[name], *MOMENTS]))
    elif one_in(draw, 40):
        event = {**_event(), "time": "2090-01-01T00:00:00Z"}
    structured = draw(st.booleans())
    content = event if structured or not isinstance(event, dict) else event.get("data")
    raw: bytes | None = draw(broken(as_json(content, ascii_only=draw(st.booleans()))))
    if one_in(draw, 40):
        raw = draw(
            st.sampled_from(
                [
                    None,
                    b"",
                    b" \n",
                    b"[" * 300_000,
                    b"[" * 100_000,
                    b'{"a":' * 30_000,
                    b"\xef\xbb\xbf" + (raw or b""),
                ]
            )
        )
    said = draw(headers(STRUCTURED if structured else BINARY))
    timestamp_ms = draw(st.sampled_from([-1, 0, 1_700_000_000_000, 2**63 - 1]))
    return Record("t", 0, 7, timestamp_ms, b"k", raw, said), draw(st.sampled_from([0, 0, 1, 2]))


def judge(given: tuple[Record, int]) -> str:
    """One of the closed union, with a sentence that repeats nothing of the event."""
    record, number = given
    reading = read_record(record, RULES[number], NOW)
    match reading:
        case Event():
            assert reread(record, RULES[number]) == reading
            return "event"
        case OtherType():
            assert RULES[number].skip_other_types
            return "other type"
        case Refusal():
            return _refused(reading)


def _refused(refusal: Refusal) -> str:
    says_nothing(refusal.message, *[f"{each.pointer} {each.problem}" for each in refusal.problems])
    assert refusal.message.isprintable()
    assert len(refusal.message.encode()) <= 1_024
    identity = refusal.identity
    texts = f"{identity.id}{identity.source}{identity.time}"
    assert "Cc" not in map(unicodedata.category, texts)
    if refusal.error_class is ErrorClass.EVENT_UNREADABLE:
        return f"event_unreadable: {next(why for said, why in _WHY.items() if said in refusal.message)}"
    if refusal.retryable:
        return "event_invalid, retryable"
    return f"{refusal.error_class}: {refusal.problems[0].pointer}"


TARGET = Target("decoder", records(), judge, KINDS)

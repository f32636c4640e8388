"""A mended event in place of a dead letter's: how it is sent, and whether it may be. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from consumer.delivery.newness import Version
from consumer.delivery.outcome import micros
from consumer.delivery.replay import original_headers
from consumer.dlq.letter import Letter
from consumer.dlq.original_version import original_version
from consumer.dlq.run import Mended
from consumer.events.binary import Envelope, to_message
from consumer.events.documents import (
    Document,
    Finding,
    findings_in,
    form_of,
    read_document,
    split_documents,
)
from consumer.events.headers import CONTENT_TYPE, Structured, find_mode
from consumer.events.model import Event, EventRules, OtherType, Reading
from consumer.events.reading import read_record
from consumer.records import Headers, Record, TopicPartition

# Never used: only bare data takes its attributes from an envelope, and that keeps the dead letter's headers.
_NO_ENVELOPE = Envelope("", "", "")


@dataclass(frozen=True, slots=True)
class Good:
    """What to send, and the mended event's version.

    `own_version`: its time or revision is not known to be the dead letter's.
    """

    mended: Mended
    version: Version
    own_version: bool


@dataclass(frozen=True, slots=True)
class Bad:
    """What is wrong with it, as `event validate` says it."""

    findings: tuple[Finding, ...]


def mend(
    letter: Letter, record: Record, raw: bytes, rules: EventRules, now_seconds: float, *, force: bool
) -> Good | Bad:
    """From a file's bytes, in place of the value of the dead letter's `record`.

    A whole event (structured) may take the place of any: of a binary one its `ce_` headers are made anew.
    Bare `data` keeps the dead letter's headers. `source` and `id` stay, where they could be read, and
    without `force` session, time and revision too: with later ones it would undo a newer change.
    """
    documents = list(split_documents(raw))
    if len(documents) != 1:
        return _bad(1, f"The file must hold one event, and holds {len(documents)}.")
    (document,) = documents
    form = form_of(document.raw, rules.max_event_bytes)
    headers = original_headers(record.headers)
    is_structured = isinstance(find_mode(headers), Structured)
    if form == "bare" and is_structured:
        return _bad(
            document.line,
            "The dead letter is a structured event: give the whole event, with specversion, id, source, "
            "type, time and data.",
        )
    mended = Mended(document.raw, headers)
    if form == "structured" and not is_structured:
        first = read_document(document, form, rules, now_seconds, maps=True)
        if not isinstance(first, Event):
            return _findings(document, form_reading=first, rules=rules)
        mended = _as_binary(document, headers, rules)
    reading = read_record(replace(record, value=mended.value, headers=mended.headers), rules, now_seconds)
    if not isinstance(reading, Event):
        return _findings(document, form_reading=reading, rules=rules)
    original = original_version(letter, record)
    problem = _other_event(letter, reading, force=force)
    if problem is None and not force:
        problem = original.change(reading)
    if problem is not None:
        return _bad(document.line, problem)
    return Good(mended, _version(letter, reading), own_version=not original.is_left(reading))


def is_same(record: Record, raw: bytes | None) -> bool:
    """Whether a file holds what the dead letter holds, but for white space around it, as editors add it."""
    if raw is None or record.value is None:
        return raw is record.value
    return raw == record.value or raw.strip() == record.value.strip()


def _as_binary(document: Document, headers: Headers, rules: EventRules) -> Mended:
    """Its own attributes as headers; the dead letter's other headers stay where they were, before them."""
    message = to_message(document.raw, "structured", _NO_ENVELOPE, rules.max_event_bytes)
    replaced = {name for name, _ in message.headers} | {CONTENT_TYPE}
    attributes = {"ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time"}
    kept = tuple((name, value) for name, value in headers if name not in replaced | attributes)
    return Mended(message.value, (*kept, *message.headers))


def _findings(document: Document, *, form_reading: Reading, rules: EventRules) -> Bad:
    form = form_of(document.raw, rules.max_event_bytes)
    if isinstance(form_reading, OtherType):
        return _bad(document.line, "It is of another type, which the consumer passes over.")
    return Bad(findings_in(document, form, form_reading, rules.max_event_bytes))


def _other_event(letter: Letter, event: Event, *, force: bool) -> str | None:
    for name, was, now in (("source", letter.event_source, event.source), ("id", letter.event_id, event.id)):
        if was is not None and was != now:
            return (
                f"Its {name} is not the dead letter's: a mended event stays the same event. "
                "Publish a new event with: session-consumer event publish"
            )
    if letter.session is not None and letter.session != str(event.session) and not force:
        return (
            f"It is for session {event.session}, the dead letter for {letter.session}: it would change "
            "another session. With --force it is sent all the same."
        )
    return None


def _version(letter: Letter, event: Event) -> Version:
    partition = TopicPartition(letter.origin.topic, letter.origin.partition)
    time_us = micros(event.time)
    return Version(event.revision, time_us, partition, letter.origin.offset, 0, event.source, event.id)


def _bad(line: int, problem: str) -> Bad:
    return Bad((Finding(line, "", problem),))


def describe(name: str, findings: Sequence[Finding]) -> list[str]:
    """Lines of `FILE:LINE /pointer problem`."""
    return [f"{name}:{each.line} {f'{each.pointer} {each.problem}'.lstrip()}" for each in findings]

"""One line for each event, once what became of it is durable: ids and numbers, never content."""

import logging
from collections.abc import Iterator
from typing import Final

import structlog

from consumer.delivery.done import Done
from consumer.telemetry.lines import Scalar

MESSAGE: Final = "event done"

# Every field of the line, in its order; docs/telemetry.md has them from here.
FIELDS: Final[tuple[tuple[str, str], ...]] = (
    ("account", "The account's name."),
    ("outcome", "`applied`, `superseded`, `stale`, `duplicate`, `dead_lettered`; at level debug `skipped`."),
    ("error_class", "Why it was dead-lettered."),
    ("event_id", "The event's `id`."),
    ("event_source", "The event's `source`."),
    ("session", "`courseId/batchId/moduleId/sessionId`."),
    ("revision", "The event's `revision`."),
    ("topic", "Where the record was read: the source topic, or the replay topic."),
    ("partition", "The record's partition."),
    ("offset", "The record's offset."),
    ("dead_letter_id", "`dlq.id` of the dead letter that was written for it, or that it replayed."),
    ("replay_count", "Which replay of that dead letter it was."),
    ("run_id", "The run that replayed it."),
    ("superseded_by", "The `id` of the newer event that made it needless."),
    ("calls", "How many calls of Zoho's API were made for it."),
    ("verdict", "What the last of them came to, as in `session_consumer_zoho_requests_total`."),
    ("http_status", "The HTTP status of the last one's answer."),
    ("waited_seconds", "From its receipt to its end, less the calls: for slots, locks, its turn, Kafka."),
    ("took_seconds", "All its calls together."),
    ("trace_id", "The trace it belongs to: its publisher's, or the one that is exported for it."),
)

log = structlog.get_logger(__name__)


def write_event_line(done: Done, trace_id: str | None = None) -> None:
    """Write the line. What is not known of an event, or does not apply, is left out.

    What is skipped by setting is nobody's event here: on a shared topic it may be most of what comes.
    """
    level = logging.DEBUG if done.outcome == "skipped" else logging.INFO
    # Asked first: by the thousand a second, the fields alone cost something.
    if log.is_enabled_for(level):
        log.log(level, MESSAGE, **dict(_fields(done, trace_id)))


def _fields(done: Done, trace_id: str | None) -> Iterator[tuple[str, Scalar]]:
    work, identity, record = done.work, done.work.identity, done.record
    yield "account", done.account
    yield "outcome", str(done.outcome)
    if done.error_class is not None:
        yield "error_class", str(done.error_class)
    if identity.id is not None:
        yield "event_id", identity.id
    if identity.source is not None:
        yield "event_source", identity.source
    if identity.session is not None:
        yield "session", str(identity.session)
    if identity.revision is not None:
        yield "revision", identity.revision
    yield "topic", record.topic
    yield "partition", record.partition
    yield "offset", record.offset
    if done.dead_letter_id is not None:
        yield "dead_letter_id", done.dead_letter_id
    if done.replay is not None:
        yield "replay_count", done.replay.count
        yield "run_id", done.replay.run_id
    if done.by is not None:
        yield "superseded_by", done.by.id
    yield "calls", work.calls
    if work.last_calls:
        last = work.last_calls[-1]
        yield "verdict", last.verdict
        if last.http_status is not None:
            yield "http_status", last.http_status
    yield "waited_seconds", round(done.waited_seconds, 3)
    yield "took_seconds", round(work.took_seconds, 3)
    if trace_id is not None:
        yield "trace_id", trace_id

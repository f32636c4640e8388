"""What is known of a dead letter's time and revision, and what a mended event makes of them. Pure."""

from dataclasses import dataclass

from consumer.delivery.outcome import micros
from consumer.dlq.letter import Letter
from consumer.events.headers import Binary, Structured, find_mode
from consumer.events.model import Event
from consumer.events.strict_json import UnreadableJsonError, parse_json
from consumer.records import Record
from schemas.fields import MAX_REVISION
from schemas.moments import parse_date_time


@dataclass(frozen=True, slots=True)
class OriginalVersion:
    """`time`: RFC 3339, None where it was broken. `revision`: None where it has none.

    `revision_is_known`: False where the value, or the revision in it, could not be read.
    """

    time: str | None
    revision: int | None
    revision_is_known: bool

    def change(self, event: Event) -> str | None:
        """A sentence where the event says another time or revision than is known of the original."""
        if self.time is not None and micros(parse_date_time(self.time)) != micros(event.time):
            name, was, now = "time", self.time, event.time.isoformat()
        elif self.revision_is_known and self.revision != event.revision:
            name, was, now = "revision", _said(self.revision), _said(event.revision)
        else:
            return None
        return (
            f"Its {name} is {now}, the dead letter's {was}: it would not count as the change that it was, "
            "and could undo a newer one. Leave it as it was. With --force it is sent all the same."
        )

    def is_left(self, event: Event) -> bool:
        """Whether the event's time and revision are known to be the original's."""
        known = self.time is not None and (self.revision_is_known or event.revision is None)
        return known and self.change(event) is None


def original_version(letter: Letter, record: Record) -> OriginalVersion:
    """From the dead letter's `record`; what was to blame for the refusal counts as not readable."""
    broken = {each.get("pointer") for each in letter.broken_fields}
    known, revision = (False, None) if "/data/revision" in broken else _revision(record)
    time = None if "/time" in broken else letter.event_time
    return OriginalVersion(time if time is not None and _is_good(time) else None, revision, known)


def _revision(record: Record) -> tuple[bool, int | None]:
    mode = find_mode(record.headers)
    try:
        content = parse_json(record.value or b"", len(record.value or b""))
    except UnreadableJsonError:
        return False, None
    if isinstance(content, dict) and (
        isinstance(mode, Structured) or (not isinstance(mode, Binary) and "data" in content)
    ):
        content = content.get("data")
    if not isinstance(content, dict):
        return False, None
    revision = content.get("revision")
    return revision is None or (type(revision) is int and 0 <= revision <= MAX_REVISION), revision


def _is_good(time: str) -> bool:
    try:
        parse_date_time(time)
    except ValueError:
        return False
    return True


def _said(revision: int | None) -> str:
    return "none" if revision is None else str(revision)

"""Which dead letters are meant: by id, or by what they are and where they stand. Pure."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from consumer.dlq.letter import Letter
from consumer.dlq.register import Standing
from consumer.records import Record


@dataclass(frozen=True, slots=True)
class Selection:
    """All that is given must fit; of a tuple, one of its values. `since`, `until`: RFC 3339 with an offset.

    `session`: `courseId/batchId/moduleId/sessionId`, or the session id alone. `text` is looked for in the
    record's key and value, in what went wrong and in what Zoho said, whatever the case.
    """

    ids: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    session: str | None = None
    event: str | None = None
    source: str | None = None
    since: str | None = None
    until: str | None = None
    status: int | None = None
    zoho_code: str | None = None
    text: str | None = None
    retryable: bool | None = None

    @property
    def is_everything(self) -> bool:
        """Whether nothing is given."""
        return self == Selection()

    def wants(self, letter: Letter, record: Record) -> bool:
        """Whether a copy fits; its state is another matter."""
        return (
            (not self.ids or letter.id in self.ids)
            and (not self.classes or letter.error_class in self.classes)
            and (self.session is None or _is_session(letter.session, self.session))
            and (self.event is None or letter.event_id == self.event)
            and (self.source is None or letter.event_source == self.source)
            and (self.since is None or letter.failed_at_seconds >= _seconds(self.since))
            and (self.until is None or letter.failed_at_seconds < _seconds(self.until))
            and (self.status is None or letter.http_status == self.status)
            and (self.zoho_code is None or letter.zoho_code == self.zoho_code)
            and (self.retryable is None or letter.retryable == self.retryable)
            and (self.text is None or _has_text(letter, record, self.text))
        )

    def wants_standing(self, standing: Standing) -> bool:
        """Whether where it stands fits."""
        return not self.states or standing.state in self.states

    def to_json(self) -> str:
        """What is given, to be kept."""
        given = {name: value for name, value in asdict(self).items() if value not in (None, ())}
        return json.dumps(given, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Selection":
        """What `to_json` gave; ValueError where it is something else."""
        try:
            found: Mapping[str, Any] = json.loads(text)
            known = {field.name for field in fields(cls)}
            if not found.keys() <= known:
                raise ValueError("fields that a newer release knows")
            selection = TypeAdapter(cls).validate_json(text, strict=True)
            for moment in (selection.since, selection.until):
                _seconds(moment or "1970-01-01")
        except (TypeError, AttributeError, OverflowError, RecursionError, ValidationError) as exc:
            raise ValueError(f"not a selection: {type(exc).__name__}") from None
        return selection


def _is_session(session: str | None, wanted: str) -> bool:
    return session is not None and (session == wanted or session.rpartition("/")[2] == wanted)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _has_text(letter: Letter, record: Record, text: str) -> bool:
    wanted = text.casefold()
    said = (letter.message, letter.details, letter.zoho_message, letter.event_id, letter.event_source)
    raw = (record.key, record.value)
    return any(wanted in each.casefold() for each in said if each) or any(
        wanted in each.decode(errors="replace").casefold() for each in raw if each
    )

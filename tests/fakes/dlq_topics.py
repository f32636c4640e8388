"""Records of an account's dead-letter, replay and outcomes topics, made by what makes them in the product."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from consumer.delivery.dead_letter import Failure, Letterhead, dead_letter
from consumer.delivery.dead_letter_state import StateChange
from consumer.delivery.outcome import Applied, EventReference, Origin, Outcome, micros
from consumer.delivery.replay import Replay
from consumer.delivery.verdicts import ZohoAnswer
from consumer.events.model import EventIdentity, Problem, SessionKey
from consumer.records import Headers, Record
from schemas import dead_letter as names
from schemas.error_class import ErrorClass
from schemas.outcome import DeadLetterStateName, OutcomeName

SOURCE = "training.session.changed"
BEGAN = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Failed:
    """An event that failed: by default a change of session `number` that Zoho did not know.

    `minute`: when it happened, after `BEGAN`; it is also the record's offset, so that each has its own.
    """

    minute: int
    number: int = 0
    error_class: ErrorClass = ErrorClass.SESSION_NOT_FOUND
    source: str = "/lms/planner"
    revision: int | None = None
    problems: tuple[Problem, ...] = ()
    name: str = "Fire drill"
    partition: int = 0
    account: str = "default"

    @property
    def session(self) -> SessionKey:
        """Its session."""
        return SessionKey("1", "2", "3", str(100 + self.number))

    @property
    def id(self) -> str:
        """Its dead letter's id."""
        return f"{SOURCE}:{self.partition}:{self.minute}"

    @property
    def origin(self) -> Origin:
        """Where its record was read."""
        return Origin(SOURCE, self.partition, self.minute)

    @property
    def event(self) -> EventReference:
        """Its event."""
        return EventReference(f"e{self.minute}", self.source, micros(at(self.minute)), self.revision)

    def value(self) -> bytes:
        """The record's value, in binary mode."""
        revision = {} if self.revision is None else {"revision": self.revision}
        found: dict[str, Any] = {
            "courseId": self.session.course_id,
            "batchId": self.session.batch_id,
            "moduleId": self.session.module_id,
            "sessionId": self.session.session_id,
            **revision,
            "session": {
                "name": self.name,
                "trainerId": "478346000008251001",
                "delivery": "classroom",
                "startsAt": "2026-12-01T10:00:00+05:30",
                "endsAt": "2026-12-01T11:00:00+05:30",
            },
        }
        return json.dumps(found).encode()

    def record(self) -> Record:
        """The record of the source topic."""
        attributes = {
            "specversion": "1.0",
            "id": f"e{self.minute}",
            "source": self.source,
            "type": "training.session.changed.v1",
            "time": at(self.minute).isoformat(),
        }
        headers = tuple((f"ce_{name}", text.encode()) for name, text in attributes.items())
        return Record(
            SOURCE,
            self.partition,
            self.minute,
            int(at(self.minute).timestamp() * 1000),
            self.session.session_id.encode(),
            self.value(),
            (*headers, ("content-type", b"application/json")),
        )

    def letter(self, offset: int = 0, *, replayed: int = 0, run: str = "run-1") -> Record:
        """Its dead letter at this offset of the dead-letter topic; `replayed` so often before it failed."""
        identity = EventIdentity(
            f"e{self.minute}", self.source, at(self.minute).isoformat(), self.session, self.revision
        )
        failure = Failure(
            error_class=self.error_class,
            message=f"It failed: {self.error_class}.",
            retryable=self.error_class.retryable,
            identity=identity,
            failed_at=at(self.minute).timestamp(),
            problems=self.problems,
            calls=1,
            answer=ZohoAnswer(404, "7404", "Not found")
            if self.error_class is ErrorClass.SESSION_NOT_FOUND
            else None,
        )
        letter = dead_letter(self.record(), failure, Letterhead(self.account, "session-consumer", "0.1.0"))
        headers: Headers = letter.headers
        if replayed:
            again = {names.REPLAY_COUNT: str(replayed).encode()}
            headers = tuple((name, again.get(name, value)) for name, value in headers)
            headers = (*headers, (names.REPLAY_RUN_ID, run.encode()))
        return Record(
            f"{SOURCE}.dlq",
            self.partition,
            offset,
            milliseconds(self.minute),
            letter.key,
            letter.value,
            headers,
        )

    def replay(self, offset: int = 0, *, count: int = 1, run: str = "run-1", minute: int = 60) -> Record:
        """A replay of it on the replay topic."""
        source = self.record()
        replay = Replay(
            self.id,
            self.origin,
            count,
            run,
            "ops@example.com",
            at(minute).isoformat(),
            "try again",
            mended=False,
        )
        return replace(
            source,
            topic=f"{SOURCE}.replay",
            offset=offset,
            timestamp_ms=milliseconds(minute),
            headers=(*source.headers, *replay.headers(self.account)),
        )

    def state(
        self,
        state: DeadLetterStateName,
        *,
        count: int = 1,
        run: str | None = "run-1",
        minute: int = 61,
        outcome: OutcomeName | None = None,
        reason: str = "try again",
    ) -> Record:
        """A change of its dead letter's state on the outcomes topic."""
        change = StateChange(
            self.id, state, count, run, "ops@example.com", reason, at(minute).timestamp(), outcome
        )
        written = change.record()
        return Record(f"{SOURCE}.outcomes", 0, 0, milliseconds(minute), written.key, written.value)

    def outcome(self, outcome: OutcomeName, *, minute: int = 61, dead_letter_id: str | None = None) -> Record:
        """Its event's outcome on the outcomes topic; an applied one is the session's last."""
        applied = Applied(self.event, self.origin, micros(at(minute))) if outcome == "applied" else None
        written = Outcome(
            session=self.session,
            event=self.event,
            origin=self.origin,
            outcome=outcome,
            at=at(minute).timestamp(),
            applied=applied,
            dead_letter_id=dead_letter_id,
        ).record()
        return Record(f"{SOURCE}.outcomes", 0, 0, milliseconds(minute), written.key, written.value)


def at(minute: int) -> datetime:
    """So many minutes after the scene began."""
    return BEGAN + timedelta(minutes=minute)


def milliseconds(minute: int) -> int:
    """The same as a record's timestamp."""
    return int(at(minute).timestamp() * 1000)

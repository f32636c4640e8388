"""A believable training catalogue, and the events its changes make: good ones and one of each bad kind."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Any

from consumer.emulator.faults import Fault
from consumer.records import Record
from schemas.error_class import ErrorClass
from schemas.event import EVENT_TYPE

ZONE = "Asia/Kolkata"
_COURSES = (
    "Fire safety",
    "First aid",
    "Forklift licence",
    "Onboarding",
    "Data protection",
    "Working at height",
)
_TRAINERS = ("478346000008251001", "478346000008251007", "478346000008251012")
_ROOMS = ("478346000010125093", "478346000010125101")
_SESSIONS_A_COURSE = 3
GOOD_SESSIONS = len(_COURSES) * _SESSIONS_A_COURSE


@dataclass(frozen=True, slots=True)
class Story:
    """One event: what happened, its record, and the class it must fail with (None: it is applied)."""

    event_id: str
    what: str
    record: Record
    error_class: ErrorClass | None = None


class Catalogue:
    """Tells stories about sessions in the weeks after `today`. Deterministic for a day."""

    def __init__(self, topic: str, today: date) -> None:
        self._topic = topic
        self._today = today
        self._told = 0

    def opening(self) -> list[Story]:
        """Every session is announced, some are changed at once, and every bad kind is among them."""
        stories = [self._good(number, "announced") for number in range(GOOD_SESSIONS)]
        stories += [self._good(number, "renamed") for number in (2, 7, 11, 16)]
        for place, bad in enumerate(self._bad()):
            stories.insert(2 + place * 3, bad)
        return stories

    def more(self) -> Iterator[Story]:
        """Further changes, one after the other, without end."""
        number = 0
        while True:
            yield self._good(number % GOOD_SESSIONS, "moved to another room")
            number += 5

    def rush(self, count: int) -> list[Story]:
        """So many changes at once, to all sessions in turn."""
        return [self._good(number % GOOD_SESSIONS, "changed in a rush") for number in range(count)]

    def faults(self) -> list[Fault]:
        """What Zoho makes of the bad ones' sessions."""
        return [
            Fault("not_found", session_id=_session_id(101)),
            Fault("business", session_id=_session_id(102), code="COURSE_ALREADY_COMPLETED"),
            Fault("forbidden", session_id=_session_id(103)),
            Fault("poison", session_id=_session_id(104)),
            Fault("reset_after_effect", session_id=_session_id(105)),
            Fault("maximum_limit", session_id=_session_id(106)),
        ]

    def _bad(self) -> Iterator[Story]:
        yield self._story(0, "cut off on its way", ErrorClass.EVENT_UNREADABLE, cut=60)
        yield self._story(1, "an id as a JSON number", ErrorClass.EVENT_INVALID, course=478346000019479103)
        midnight = {"startsAt": self._at(9, 22), "endsAt": self._at(10, 1)}
        yield self._story(2, "lasts over midnight", ErrorClass.EVENT_UNMAPPABLE, session=midnight)
        yield self._story(101, "a session Zoho doesn't know", ErrorClass.SESSION_NOT_FOUND)
        yield self._story(102, "a course that is over", ErrorClass.REJECTED_BY_ZOHO)
        yield self._story(103, "a session of somebody else's", ErrorClass.FORBIDDEN_BY_ZOHO)
        yield self._story(104, "makes Zoho fail each time", ErrorClass.FAILED_AT_ZOHO)
        yield self._story(105, "never gets an answer", ErrorClass.OUTCOME_UNKNOWN)
        yield self._story(106, "at a limit of its own", ErrorClass.LIMIT_EXCEEDED)

    def _good(self, number: int, what: str) -> Story:
        room = _ROOMS[self._told % len(_ROOMS)]
        return self._story(
            number, what, session={"roomId": room, "description": f"{what} ({self._told + 1})"}
        )

    def _story(
        self,
        number: int,
        what: str,
        error_class: ErrorClass | None = None,
        *,
        course: object = None,
        cut: int | None = None,
        session: Mapping[str, str] = MappingProxyType({}),
    ) -> Story:
        self._told += 1
        event_id = f"demo-{self._told:04}"
        subject = _COURSES[number // _SESSIONS_A_COURSE % len(_COURSES)]
        day, hour = 1 + number % 20, 9 + number % 6
        data: dict[str, Any] = {
            "courseId": course or f"4783460000194791{number // _SESSIONS_A_COURSE:02}",
            "batchId": "478346000019479115",
            "moduleId": "478346000019479119",
            "sessionId": _session_id(number),
            "session": {
                "name": f"{subject}, part {number % _SESSIONS_A_COURSE + 1}",
                "trainerId": _TRAINERS[number % len(_TRAINERS)],
                "delivery": "e-learning" if subject == "Data protection" else "classroom",
                "startsAt": self._at(day, hour),
                "endsAt": self._at(day, hour + 2),
                **session,
            },
        }
        headers = {
            "ce_specversion": "1.0",
            "ce_id": event_id,
            "ce_source": "/lms/catalogue",
            "ce_type": EVENT_TYPE,
            "ce_time": datetime.now(tz=UTC).isoformat(),
            "content-type": "application/json",
        }
        record = Record(
            topic=self._topic,
            partition=0,
            offset=0,
            timestamp_ms=0,
            key=_session_id(number).encode(),
            value=json.dumps(data).encode()[:cut],
            headers=tuple((name, value.encode()) for name, value in headers.items()),
        )
        return Story(event_id, f"{subject}: {what}", record, error_class)

    def _at(self, day: int, hour: int) -> str:
        return f"{self._today + timedelta(days=day)}T{hour:02}:00:00+05:30"


def _session_id(number: int) -> str:
    return f"478346000019553{number:03}"

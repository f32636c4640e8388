"""From a session as its publisher describes it to Zoho's `sessionData`, and into a request. Pure.

Source: contract, section 3, and Zoho's page "Update Session".
"""

import json
import string
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from urllib.parse import quote

from consumer.events.model import EventRules, InputStyle, Problem, SessionKey
from schemas.event import TrainingSession

# Longer request targets are cut or refused somewhere on the way to Zoho; a bound of the contract.
MAX_REQUEST_TARGET_BYTES: Final = 8_000

_ZOHO_TYPES: Final = {"classroom": "0", "e-learning": "1"}
_UNRESERVED: Final = (string.ascii_letters + string.digits + "_.-~").encode()
_encode_json: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def map_session(
    key: SessionKey, session: TrainingSession, rules: EventRules
) -> dict[str, str] | tuple[Problem, ...]:
    """`sessionData` in the order of Zoho's table, or every reason why Zoho can't hold this session."""
    try:
        starts_at = session.starts_at.astimezone(rules.zone)
        ends_at = session.ends_at.astimezone(rules.zone)
    except OverflowError:
        return (_problem("startsAt", "is too near the end of the calendar; Zoho can't hold such a date"),)
    problems = _moment_problems(session, starts_at, ends_at, rules.zone.key)
    session_data = _session_data(session, starts_at, ends_at)
    problems += _size_problems(key, session_data, rules)
    return tuple(problems) or session_data


def request_path(session: SessionKey, base_path: str) -> str:
    """The path of the update call, each id percent-encoded.

    `base_path` is the path of the People URL in front of `/api`, usually empty.
    """
    course, batch, module, session_id = (quote(part, safe="") for part in session)
    return (
        f"{base_path.rstrip('/')}/api/v1/courses/{course}/batches/{batch}"
        f"/modules/{module}/sessions/{session_id}"
    )


_EMPTY_PATH_BYTES: Final = len(request_path(SessionKey("", "", "", ""), ""))


def session_data_json(session_data: Mapping[str, str]) -> str:
    """`sessionData` as compact JSON, in the order given, nothing escaped that need not be."""
    return _encode_json(dict(session_data))


def request_target(
    session: SessionKey, session_data: Mapping[str, str], input_style: InputStyle, base_path: str
) -> str:
    """What follows the method in the request line: ASCII, so its length is its bytes.

    The path, and for the styles `query` and `both` `?sessionData=` with percent-encoded JSON.
    """
    path = request_path(session, base_path)
    if input_style in ("json", "form"):
        return path
    return f"{path}?sessionData={quote(session_data_json(session_data), safe='')}"


def request_target_bytes(
    session: SessionKey, session_data: Mapping[str, str], input_style: InputStyle, base_path: str
) -> int:
    """The length of `request_target` without building it: every reserved byte takes three, a digit one."""
    path_bytes = _EMPTY_PATH_BYTES + len(base_path.rstrip("/")) + sum(map(len, session))
    if input_style in ("json", "form"):
        return path_bytes
    raw = session_data_json(session_data).encode()
    return path_bytes + len("?sessionData=") + len(raw) + 2 * len(raw.translate(None, _UNRESERVED))


def _session_data(session: TrainingSession, starts_at: datetime, ends_at: datetime) -> dict[str, str]:
    session_data = {
        "name": session.name,
        "trainerErecno": session.trainer_id,
        "type": _ZOHO_TYPES[session.delivery],
        "date": f"{starts_at.day:02}-{starts_at.month:02}-{starts_at.year:04}",
        "startTime": _twelve_hours(starts_at),
        "endTime": _twelve_hours(ends_at),
    }
    if session.description is not None:
        session_data["description"] = session.description
    if session.room_id is not None:
        session_data["roomId"] = session.room_id
    if (day := session.locked_until) is not None:
        session_data["lockUntil"] = f"{day.day:02}-{day.month:02}-{day.year:04}"
    if session.grade_category_id is not None:
        session_data["gradeCategoryId"] = session.grade_category_id
    return session_data


def _twelve_hours(moment: datetime) -> str:
    # Not strftime: its AM and PM follow the machine's locale.
    return f"{(moment.hour + 11) % 12 + 1:02}:{moment.minute:02} {'AM' if moment.hour < 12 else 'PM'}"  # noqa: PLR2004


def _moment_problems(
    session: TrainingSession, starts_at: datetime, ends_at: datetime, zone_name: str
) -> list[Problem]:
    problems = []
    for field, moment in (("startsAt", starts_at), ("endsAt", ends_at)):
        # On the wall clock, so that the odd seconds of zones before 1900 or so are seen too.
        if moment.second or moment.microsecond:
            problems.append(
                _problem(field, "has seconds or a fraction; Zoho stores whole minutes, so send :00")
            )
    portal = f"the portal's time zone ({zone_name})"
    if session.ends_at <= session.starts_at:
        problems.append(_problem("endsAt", "is not after startsAt; a session has to end after it starts"))
    elif starts_at.date() != ends_at.date():
        problems.append(
            _problem(
                "endsAt",
                f"is on another date than startsAt in {portal}; Zoho stores one date, so split the session "
                "at midnight (ending at midnight counts as the next date)",
            )
        )
    elif ends_at.replace(tzinfo=None) <= starts_at.replace(tzinfo=None):
        problems.append(
            _problem(
                "endsAt",
                f"is not after startsAt on the wall clock of {portal}, which is set back in between; "
                "choose times that the change does not turn round",
            )
        )
    return problems


def _size_problems(key: SessionKey, session_data: dict[str, str], rules: EventRules) -> list[Problem]:
    size = request_target_bytes(key, session_data, rules.input_style, rules.base_path)
    if size <= MAX_REQUEST_TARGET_BYTES:
        return []
    longest = max(("description", "name"), key=lambda field: len(session_data.get(field, "")))
    return [
        _problem(
            longest,
            f"makes a request target of {size:,} bytes, {MAX_REQUEST_TARGET_BYTES:,} are possible with "
            f"CONSUMER_ZOHO_INPUT={rules.input_style}; shorten it, or let the operator choose "
            "the style json or form, which send it in the body",
        )
    ]


def _problem(field: str, text: str) -> Problem:
    return Problem(f"/data/session/{field}", text)

"""`sessionData`, read and checked as strictly as the page lets one. Pure."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from urllib.parse import parse_qsl

from consumer.emulator.options import InputStyle

PARAMETER = "sessionData"
MANDATORY = ("name", "trainerErecno", "type", "date", "startTime", "endTime")

_FORM_TYPE = "application/x-www-form-urlencoded"
_JSON_TYPE = "application/json"
_MAX_ID_DIGITS = 30
_ID = re.compile(rf"[0-9]{{1,{_MAX_ID_DIGITS}}}")
_DATE = re.compile(r"[0-9]{2}-[0-9]{2}-[0-9]{4}")
_TIME = re.compile(r"(?:0[1-9]|1[0-2]):[0-5][0-9] (?:AM|PM)")


@dataclass(frozen=True, slots=True)
class Input:
    """Where a request may carry `sessionData`, undecoded as far as that goes."""

    query: tuple[tuple[str, str], ...] = ()
    content_type: str = ""
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class SessionData:
    """Good `sessionData`: fields by name, and the style it came in (several joined by "+")."""

    fields: Mapping[str, str]
    style: str


@dataclass(frozen=True, slots=True)
class Invalid:
    """Why it is refused: Zoho's code, and a message that names fields but shows no content."""

    code: str
    message: str


class _BadInputError(Exception):
    """Not `sessionData` at all; the message says why."""


def is_id(text: str) -> bool:
    """Whether it is an id as Zoho's are: 1 to 30 ASCII digits."""
    return _ID.fullmatch(text) is not None


def read_session_data(accepted: InputStyle, given: Input) -> SessionData | Invalid:
    """Find and check the `sessionData` of a request.

    `query`, `json` and `form` look there and nowhere else. `any` takes the first there is, in this
    order. `both` also demands that all that are there agree.
    """
    wanted = ("query", "json", "form") if accepted in {"any", "both"} else (accepted,)
    try:
        found = {style: value for style in wanted if (value := _READERS[style](given)) is not None}
    except _BadInputError as error:
        return Invalid("INVALID_INPUT", str(error))
    if not found:
        return Invalid("INPUT_PARAMETER_MISSING", f"{PARAMETER} is missing")
    first, *others = found
    if accepted == "both" and any(found[other] != found[first] for other in others):
        return Invalid("INVALID_INPUT", f"{PARAMETER} differs between {' and '.join(found)}")
    problem = check_fields(found[first])
    return problem or SessionData(found[first], "+".join(found))


def check_fields(fields: Mapping[str, Any]) -> Invalid | None:
    """Check every field. Missing ones are reported before wrong ones."""
    missing = [name for name in MANDATORY if name not in fields]
    if missing:
        return Invalid("INPUT_PARAMETER_MISSING", f"missing: {', '.join(missing)}")
    unknown = fields.keys() - _RULES.keys()
    if unknown:
        return Invalid("INVALID_INPUT", f"{len(unknown)} unknown field(s)")
    wrong = [name for name, value in fields.items() if not (_is_text(value) and _RULES[name](value))]
    if wrong:
        return Invalid("INVALID_INPUT", f"invalid: {', '.join(wrong)}")
    if _clock(fields["endTime"]) <= _clock(fields["startTime"]):
        return Invalid("INVALID_INPUT", "endTime is not after startTime")
    return None


def session_date(fields: Mapping[str, str]) -> date:
    """The date of checked fields."""
    return datetime.strptime(fields["date"], "%d-%m-%Y").date()


def _is_text(value: object) -> bool:
    """Whether it is a string, without lone surrogates (which no UTF-8 answer could hold)."""
    return isinstance(value, str) and not any("\ud800" <= letter <= "\udfff" for letter in value)


def _clock(text: str) -> time:
    return datetime.strptime(text, "%I:%M %p").time()


def _is_date(text: str) -> bool:
    if _DATE.fullmatch(text) is None:
        return False
    try:
        date(int(text[6:]), int(text[3:5]), int(text[:2]))
    except ValueError:
        return False
    return True


# What a field must be. Zoho documents no bound of length, and nothing about "" (refused but in
# `description`).
_RULES: dict[str, Callable[[str], bool]] = {
    "name": lambda text: bool(text.strip()),
    "trainerErecno": is_id,
    "type": lambda text: text in {"0", "1"},
    "date": _is_date,
    "startTime": lambda text: _TIME.fullmatch(text) is not None,
    "endTime": lambda text: _TIME.fullmatch(text) is not None,
    "description": lambda text: True,  # noqa: ARG005
    "roomId": is_id,
    "lockUntil": _is_date,
    "gradeCategoryId": is_id,
}


def _from_query(given: Input) -> dict[str, Any] | None:
    return _from_parameters("the query", given.query)


def _from_form(given: Input) -> dict[str, Any] | None:
    if given.content_type != _FORM_TYPE or not given.body:
        return None
    try:
        pairs = parse_qsl(
            given.body.decode(),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=10,
        )
    except ValueError:
        raise _BadInputError("the form can't be read") from None
    return _from_parameters("the form", tuple(pairs))


def _from_json(given: Input) -> dict[str, Any] | None:
    if given.content_type != _JSON_TYPE or not given.body:
        return None
    try:
        return _object("the body", given.body.decode())
    except UnicodeDecodeError:
        raise _BadInputError("the body is not UTF-8") from None


def _from_parameters(where: str, pairs: tuple[tuple[str, str], ...]) -> dict[str, Any] | None:
    if not pairs:
        return None
    if len(pairs) > 1 or pairs[0][0] != PARAMETER:
        raise _BadInputError(f"{where} must hold {PARAMETER}, once, and nothing else")
    return _object(f"{PARAMETER} in {where}", pairs[0][1])


def _object(where: str, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text, object_pairs_hook=_without_duplicates, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise _BadInputError(f"{where} is not JSON") from None
    if not isinstance(value, dict):
        raise _BadInputError(f"{where} is not a JSON object")
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate keys")
    return members


def _no_constant(text: str) -> None:  # noqa: ARG001
    raise ValueError("NaN and Infinity are not JSON")


_READERS: dict[str, Callable[[Input], dict[str, Any] | None]] = {
    "query": _from_query,
    "json": _from_json,
    "form": _from_form,
}

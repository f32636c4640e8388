"""A dead letter for a ticket: what is wrong with it can be seen, what it says can't. Pure.

Kept: structure, names and types; the ids of course, batch, module and session, `revision`, `delivery`; the
event's id, source (but for user and query), type and time; what we wrote ourselves. Of all other texts only
the shape stays, letters as x and digits as 9; of longer ones and of what can't be read, the length. No
hash: that of an address is as good as the address.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, Final

from consumer.dlq.files import Exported
from consumer.events.headers import CONTENT_TYPE, Binary, Structured, find_mode
from consumer.records import Headers
from schemas import dead_letter as names
from schemas.event import SessionChanged, SessionChangedEvent, TrainingSession
from schemas.fields import MAX_ATTRIBUTE_BYTES
from schemas.moments import parse_date_time

# Longer texts are prose, and their shape says nothing of a fault.
_MAX_SHAPE: Final = 64
_MAX_NAME: Final = 40
# How like a known name a misspelt one is: `startAt`, `session_id`.
_LIKENESS: Final = 0.8


# To the last @, since a user's name may hold any character.
_USER: Final = re.compile(r"^((?:[a-z][a-z0-9+.-]*:)?(?://)?).*(?:@|%40)", re.DOTALL | re.IGNORECASE)


class _Object(list[tuple[str, Any]]):
    """A JSON object; a repeated name stays repeated."""


class _Number(str):
    """A JSON number, as it is written."""

    __slots__ = ()


Mask = Callable[[Any], Any]
_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_Object, parse_int=_Number, parse_float=_Number, parse_constant=_Number
)


def redact(row: Mapping[str, Any], exported: Exported) -> tuple[Mapping[str, Any], Exported]:
    """Both without their contents."""
    texts: dict[str, Mask] = {
        "event_source": _source,
        "zoho_code": _code,
        "message": lambda text: _message(text, row["http_status"], row["zoho_code"]),
    }
    masked = {name: texts[name](text) if name in texts and text else text for name, text in row.items()}
    return masked, replace(
        exported,
        key=_key(exported.key),
        value=_value(exported.value, exported.headers),
        headers=_headers(exported.headers, masked["message"]),
    )


def shape(text: str) -> str:
    """Letters as x, digits as 9, what else is not ASCII as ?; white space and punctuation stay."""
    if len(text) > _MAX_SHAPE:
        return f"({len(text):,} characters)"
    return "".join(map(_shape_of, text))


def _shape_of(character: str) -> str:
    if character.isalpha():
        return "x"
    if character.isascii():
        return "9" if character.isdecimal() else character
    return character if unicodedata.category(character) in ("Zs", "Zl", "Zp", "Cc") else "?"


def _size(raw: bytes) -> str:
    return f"({len(raw):,} bytes)"


def _kept_if(pattern: str) -> Mask:
    good = re.compile(pattern)
    return lambda found: found if isinstance(found, str) and good.fullmatch(found) else _masked(found)


def _masked(found: Any) -> Any:
    """All there is in it as its shape."""
    match found:
        case _Number():
            return _Number("".join("9" if each.isdecimal() else each for each in found))
        case str():
            return shape(found)
        case _Object():
            return _Object((_name(name), _masked(value)) for name, value in found)
        case list():
            return [_masked(each) for each in found]
        case _:
            return found


def _source(found: Any) -> Any:
    """Says whose fault it is: without the user before an @, and what follows a ? or #."""
    if not isinstance(found, str) or isinstance(found, _Number):
        return _masked(found)
    place, mark, _ = found.replace("#", "?").partition("?")
    return _USER.sub(lambda parts: f"{parts[1]}x@", place) + ("?x" if mark else "")


def _time(found: Any) -> Any:
    try:
        parse_date_time(found)
    except ValueError:
        return _masked(found)
    return found


def _event_id(found: Any) -> Any:
    good = isinstance(found, str) and found.isprintable() and len(found.encode()) <= MAX_ATTRIBUTE_BYTES
    return found if good else _masked(found)


_code: Final = _kept_if(r"[0-9]{1,10}|[A-Z][A-Z0-9_]{0,63}")
_ATTRIBUTES: Final[dict[str, Mask]] = {
    "specversion": _kept_if(r"[0-9.]{1,10}"),
    "id": _event_id,
    "source": _source,
    "type": _kept_if(r"[A-Za-z0-9._-]{1,200}"),
    "time": _time,
    "datacontenttype": _kept_if(r"(?i)[a-z]+/[a-z0-9.+-]{1,60}(; ?charset=[a-z0-9-]{1,20})?"),
}
_ID: Final = _kept_if(r"[0-9]{1,30}")
_DATA: Final[dict[str, Mask]] = {
    **dict.fromkeys(("courseId", "batchId", "moduleId", "sessionId"), _ID),
    "revision": _kept_if(r"-?[0-9]{1,19}"),
    "session": lambda found: _by_name(found, {"delivery": _kept_if(r"(?i)\s*(classroom|e-learning)\s*")}),
}
_EVENT: Final[dict[str, Mask]] = {**_ATTRIBUTES, "data": lambda found: _by_name(found, _DATA)}
_KEY: Final = re.compile(rb"[0-9]{1,30}(/[0-9]{1,30}){0,3}")
_KNOWN_NAMES: Final = tuple(
    name.casefold()
    for name in (
        *(
            field.alias or name
            for model in (SessionChanged, SessionChangedEvent, TrainingSession)
            for name, field in model.model_fields.items()
        ),
        *_ATTRIBUTES,
        *(f"ce_{name}" for name in _ATTRIBUTES),
        CONTENT_TYPE,
    )
)
_HEADERS: Final[dict[str, Mask]] = {
    **{f"ce_{name}": mask for name, mask in _ATTRIBUTES.items()},
    CONTENT_TYPE: _ATTRIBUTES["datacontenttype"],
    names.EVENT_SOURCE: _source,
    names.ZOHO_CODE: _code,
    **dict.fromkeys(
        (names.ZOHO_MESSAGE, names.REPLAY_BY, names.REPLAY_REASON, names.REPLAY_SELECTION), _masked
    ),
}


def _by_name(found: Any, masks: Mapping[str, Mask]) -> Any:
    if not isinstance(found, _Object):
        return _masked(found)
    return _Object((_name(name), masks.get(name, _masked)(value)) for name, value in found)


@lru_cache(maxsize=1024)
def _name(name: str) -> str:
    """A name that is known, or a misspelt one, is no content."""
    is_known = len(name) <= _MAX_NAME and get_close_matches(name.casefold(), _KNOWN_NAMES, 1, _LIKENESS)
    return name if is_known else shape(name)


def _key(raw: bytes | None) -> bytes | None:
    return raw if raw is None or _KEY.fullmatch(raw) else _size(raw).encode()


def _value(raw: bytes | None, headers: Headers) -> bytes | None:
    if raw is None:
        return None
    try:
        found = _DECODER.decode(raw.decode())
        mode = find_mode(headers)
        if isinstance(mode, Structured):
            is_event = True
        elif isinstance(mode, Binary):
            is_event = False
        else:
            is_event = isinstance(found, _Object) and "data" in dict(found)
        return _json(_by_name(found, _EVENT if is_event else _DATA)).encode()
    except (ValueError, RecursionError):
        return _size(raw).encode()


def _json(found: Any) -> str:
    match found:
        case _Number():
            return str(found)
        case _Object():
            return "{" + ", ".join(f"{json.dumps(name)}: {_json(value)}" for name, value in found) + "}"
        case list():
            return "[" + ", ".join(map(_json, found)) + "]"
        case _:
            return json.dumps(found)


def _message(text: str, http_status: int | None, code: str | None) -> str:
    """Ours is free of contents, but ends in what Zoho said, which may quote them."""
    head, answered, _ = text.partition(" (HTTP ")
    if http_status is None or not answered:
        return text
    return f"{head} (HTTP {http_status}{f', code {_code(code)}' if code else ''})"


def _headers(headers: Headers, message: str) -> Headers:
    return tuple(_header(name, value, message) for name, value in headers)


def _header(name: str, value: bytes | None, message: str) -> tuple[str, bytes | None]:
    is_ours = name in names.RESERVED_NAMES
    kept_name = name if is_ours else _name(name)
    if value is None:
        return kept_name, None
    if name == names.ERRORS_MESSAGE:
        return kept_name, message.encode(errors="replace")
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return kept_name, _size(value).encode()
    mask = _HEADERS.get(name, (lambda kept: kept) if is_ours else _masked)
    return kept_name, str(mask(text)).encode(errors="replace")

"""From a log entry's fields to one line of bounded size without control characters."""

import json
import traceback
from collections.abc import Callable, Mapping
from typing import Any

MAX_LINE_BYTES = 16_384
MAX_FIELDS = 50
MAX_ELEMENTS = 20
MAX_FRAMES = 15
MAX_CAUSES = 5

# Tried in turn until the line is short enough: escapes make a character up to twelve bytes long.
_TEXT_CHARACTERS = (2_048, 512, 128, 32)
_ALWAYS = ("timestamp", "level", "event")
# Whose messages are written with logs in mind.
_TRUSTED = ("consumer.", "schemas.", "aiokafka.")

_encode_json = json.JSONEncoder(separators=(",", ":")).encode

Scalar = str | int | float | bool | None


def json_line(_logger: object, _method: str, fields: Mapping[str, Any]) -> str:
    """One JSON object in ASCII: `timestamp`, `level`, `event` first, the rest in its order."""

    def write(plain: dict[str, Any]) -> str:
        return _encode_json(plain).replace("\x7f", "\\u007f")

    return _fitting(fields, write)


def console_line(_logger: object, _method: str, fields: Mapping[str, Any]) -> str:
    """`12:00:01 warning  what happened  name=value …`; no colour."""

    def write(plain: dict[str, Any]) -> str:
        moment, level, event = (str(plain.pop(name, "")) for name in _ALWAYS)
        rest = " ".join(f"{name}={_shown(value)}" for name, value in plain.items())
        return _printable(f"{moment[11:19]} {level:<8} {event}  {rest}".rstrip())

    return _fitting(fields, write)


def describe_exception(exc: BaseException) -> str:
    """Types, messages (where they can be trusted) and places of an exception and its causes."""
    parts: list[str] = []
    current: BaseException | None = exc
    while current is not None and len(parts) < MAX_CAUSES:
        parts.append(_one_exception(current))
        if isinstance(current, BaseExceptionGroup):
            # A task group's failure: the first of them tells the story.
            current = current.exceptions[0]
        else:
            current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return ", caused by ".join(parts)


def _one_exception(exc: BaseException) -> str:
    frames = traceback.extract_tb(exc.__traceback__)[-MAX_FRAMES:]
    places = " > ".join(f"{_place(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames)
    return f"{type(exc).__name__}{_message(exc)}" + (f" at {places}" if places else "")


def _place(filename: str) -> str:
    return "/".join(filename.replace("\\", "/").rsplit("/", 2)[-2:])


def _message(exc: BaseException) -> str:
    if isinstance(exc, OSError) and exc.strerror:
        return f": {exc.strerror}"
    return f": {exc}" if type(exc).__module__.startswith(_TRUSTED) else ""


def _fitting(fields: Mapping[str, Any], write: Callable[[dict[str, Any]], str]) -> str:
    for max_characters in _TEXT_CHARACTERS:
        line = write(_plain(fields, max_characters, MAX_FIELDS))
        if len(line.encode(errors="backslashreplace")) <= MAX_LINE_BYTES:
            return line
    return write(_plain(fields, _TEXT_CHARACTERS[-1], len(_ALWAYS)))


def _plain(fields: Mapping[str, Any], max_characters: int, max_fields: int) -> dict[str, Any]:
    names = [name for name in _ALWAYS if name in fields]
    names += [name for name in fields if name not in _ALWAYS]
    return {_cut(name, 100): _value(fields[name], max_characters) for name in names[:max_fields]}


def _value(value: object, max_characters: int) -> Scalar | list[Scalar]:
    if type(value) is str and len(value) <= max_characters:  # as nearly all are
        return value
    if isinstance(value, list | tuple):
        return [_scalar(element, max_characters) for element in value[:MAX_ELEMENTS]]
    return _scalar(value, max_characters)


def _scalar(value: object, max_characters: int) -> Scalar:
    if isinstance(value, str):
        return _cut(str(value), max_characters)
    if isinstance(value, float):
        # JSON knows no NaN or Infinity.
        return float(value) if abs(value) < float("inf") else str(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        # A number of thousands of digits can't be written out, and no count of ours has as many.
        return int(value) if abs(value) < 2**63 else "<large int>"
    return f"<{type(value).__name__}>"


def _cut(text: str, max_characters: int) -> str:
    return text if len(text) <= max_characters else text[: max_characters - 1] + "…"


def _shown(value: object) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if " " in text or '"' in text or not text else text


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )

"""JSON as the contract (section 2) allows it, and not a byte more. Pure.

The usual event costs one parse and a few searches by the byte; what is broken is looked at again,
slowly, to say where and how to mend it.
"""

import json
import re
from typing import Final, NoReturn

from consumer.events.json_places import find_repeated_key, find_tokens, line_and_column

MAX_DEPTH: Final = 32
# Longer whole numbers are read as floats: CPython refuses them beyond 4,300 digits, quadratic before.
_MAX_EXACT_DIGITS: Final = 400

_BRACKETS: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)
_SURROGATE_HINT: Final = re.compile(rb"\\u[dD][89a-fA-F]")
# A whole pair, or (captured) one half of it, or any other escape, so that "\\ud800" is none.
_ESCAPE: Final = re.compile(
    r"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|.)".replace("..", "[0-9a-fA-F]{2}"), re.DOTALL
)
_CONSTANTS: Final = frozenset({"NaN", "Infinity", "-Infinity"})

# What CPython's parser says, and what to do about it.
_ADVICE: Final = {
    "Expecting value": "a value is missing or misspelt; write text in double quotes",
    "Expecting property name enclosed in double quotes": (
        "a key in double quotes has to stand here, or the comma before it is one too many"
    ),
    "Expecting ':' delimiter": "a colon is missing after the key",
    "Expecting ',' delimiter": "a comma is missing, or a bracket is not closed",
    "Unterminated string starting at": "a string starts here and has no closing quote",
    "Invalid control character at": "a control character stands in a string; escape it (\\n, \\t, \\u0000)",
    "Invalid \\escape": 'a backslash is followed by something JSON has no escape for; write \\\\ for "\\"',
    "Invalid \\uXXXX escape": "\\u needs four hexadecimal digits after it",
    "Extra data": "something follows the end of the JSON; send one value a record",
    "Illegal trailing comma before end of object": "a comma stands before the closing brace; remove it",
    "Illegal trailing comma before end of array": "a comma stands before the closing bracket; remove it",
}


class UnreadableJsonError(ValueError):
    """Not JSON by our rules. The text is one sentence: what, where, how to mend it; never the content.

    `line` is counted from 1, where the fault has a place.
    """

    def __init__(self, sentence: str, line: int = 1) -> None:
        super().__init__(sentence)
        self.line = line


class _RepeatedKeyError(Exception):
    pass


class _ConstantError(Exception):
    pass


def parse_json(raw: bytes, max_bytes: int) -> object:
    """The value in UTF-8 JSON `raw`; raises UnreadableJsonError and nothing else.

    A whole number of more than 400 digits comes back as a float, maybe infinite: no field takes one.
    """
    if len(raw) > max_bytes:
        raise UnreadableJsonError(
            f"The value has {len(raw):,} bytes, at most {max_bytes:,} are allowed "
            "(CONSUMER_MAX_EVENT_BYTES); send less in one event."
        )
    if not raw.strip():
        raise UnreadableJsonError("The value is empty; send a JSON object.")
    _refuse_depth(raw)
    text = _decoded(raw)
    try:
        found: object = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise _explained(error) from None
    except _RepeatedKeyError:
        _refuse(text, find_repeated_key(text), "a key is repeated in one object; send each key once")
    except _ConstantError:
        _refuse(text, find_tokens(text, _CONSTANTS), "NaN and Infinity are no JSON; leave the field out")
    if _SURROGATE_HINT.search(raw):
        _refuse_lone_surrogates(text)
    return found


def _object_of(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _RepeatedKeyError
    return found


def _no_constant(_: str) -> NoReturn:
    raise _ConstantError


def _whole_number(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MAX_EXACT_DIGITS else float(digits)


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object_of, parse_constant=_no_constant, parse_int=_whole_number
)


def _refuse_depth(raw: bytes) -> None:
    if raw.count(b"{") + raw.count(b"[") <= MAX_DEPTH:
        return
    depth = 0
    for match in _BRACKETS.finditer(raw):
        token = match[0]
        if token in (b"[", b"{"):
            depth += 1
            if depth > MAX_DEPTH:
                raise UnreadableJsonError(
                    f"The value is nested more than {MAX_DEPTH} deep (at byte {match.start():,}); "
                    "flatten it.",
                    raw.count(b"\n", 0, match.start()) + 1,
                )
        elif token in (b"]", b"}"):
            depth -= 1


def _decoded(raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise UnreadableJsonError(
            f"The value is not UTF-8 (at byte {error.start:,}); encode the JSON as UTF-8.",
            raw.count(b"\n", 0, error.start) + 1,
        ) from None
    if text.startswith("\ufeff"):
        raise UnreadableJsonError("The value starts with a byte order mark; send UTF-8 without one.")
    return text


def _explained(error: json.JSONDecodeError) -> UnreadableJsonError:
    if error.pos >= len(error.doc.rstrip()):
        return _error_at(error.lineno, error.colno, "the JSON ends too early; send all of it")
    return _error_at(error.lineno, error.colno, _ADVICE.get(error.msg, "the JSON breaks off here"))


def _refuse_lone_surrogates(text: str) -> None:
    half = next((match for match in _ESCAPE.finditer(text) if match[1]), None)
    if half is not None:
        what = "half of a surrogate pair stands alone; send the character itself in UTF-8"
        _refuse(text, half.start(), what)


def _refuse(text: str, start: int | None, what: str) -> NoReturn:
    line, column = line_and_column(text, start or 0)
    raise _error_at(line, column, what)


def _error_at(line: int, column: int, what: str) -> UnreadableJsonError:
    sentence = f"The value is not valid JSON at line {line:,}, column {column:,}: {what}."
    return UnreadableJsonError(sentence, line)

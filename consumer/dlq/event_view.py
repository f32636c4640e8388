"""A dead letter's event for people to look at, whatever is wrong with it: each fault at its place. Pure."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from consumer.events.headers import Binary, NoMode, find_mode
from consumer.events.json_places import walk
from consumer.events.strict_json import UnreadableJsonError, parse_json
from consumer.records import Record

EXCERPT_CHARACTERS: Final = 480
EXCERPT_BYTES: Final = 128
_IN_A_ROW: Final = 16
_LINE: Final = re.compile(r"at line ([\d,]+), column ([\d,]+)")
_BYTE: Final = re.compile(r"at byte ([\d,]+)")


@dataclass(frozen=True, slots=True)
class EventView:
    """`event`: as in structured mode, where the value is a JSON object; else `problem` says why not.

    `mode` None: neither of the two; then `event` is the value as it stands, and `problem` says so.
    """

    mode: Literal["structured", "binary"] | None
    event: Mapping[str, Any] | None
    problem: str | None


class Line(NamedTuple):
    """A line of the event as it is shown; `problems`: what is wrong with what begins on it."""

    text: str
    problems: tuple[str, ...] = ()


def view_event(record: Record) -> EventView:
    """Of the record as it was first read; never raises."""
    mode = find_mode(record.headers)
    if record.value is None:
        return EventView(_name(mode), None, "The record has no value (null).")
    try:
        content = parse_json(record.value, len(record.value))
    except UnreadableJsonError as error:
        return EventView(_name(mode), None, str(error))
    if not isinstance(content, dict):
        return EventView(_name(mode), None, "The value is JSON, but not an object.")
    if isinstance(mode, NoMode):
        return EventView(None, content, mode.message)
    if isinstance(mode, Binary):
        return EventView("binary", {**mode.attributes, "data": content}, None)
    return EventView("structured", content, None)


def _name(mode: object) -> Literal["structured", "binary"] | None:
    if isinstance(mode, NoMode):
        return None
    return "binary" if isinstance(mode, Binary) else "structured"


def annotated(event: Mapping[str, Any], faults: Sequence[Mapping[str, str]]) -> list[Line]:
    """The event as JSON, its faults (`pointer`, `problem`) at their lines.

    What is missing has a line of its own, after the one where the object begins that it is missing in.
    """
    text = json.dumps(event, indent=2, ensure_ascii=False)
    at_line = dict(_places(text))
    problems: dict[int, list[str]] = {}
    missing: dict[int, list[Line]] = {}
    for fault in faults:
        pointer, problem = str(fault.get("pointer", "")), str(fault.get("problem", ""))
        if pointer in at_line:
            problems.setdefault(at_line[pointer], []).append(problem)
            continue
        parent = pointer
        while parent not in at_line:
            parent = parent.rpartition("/")[0]
        steps = pointer.removeprefix(parent).strip("/").replace("/", ".")
        indent = "  " * (parent.count("/") + 1)
        line = Line(f"{indent}{json.dumps(steps, ensure_ascii=False)}: (missing)", (problem,))
        missing.setdefault(at_line[parent], []).append(line)
    lines = []
    for number, shown in enumerate(text.split("\n")):
        found, absent = tuple(problems.get(number, ())), missing.get(number, ())
        if absent and shown.rstrip(",").endswith("{}"):
            opened, closed = shown.rstrip(",")[:-1], shown[len(shown.rstrip(",")) - 1 :]
            indent = " " * (len(shown) - len(shown.lstrip()))
            lines += [Line(opened, found), *absent, Line(indent + closed)]
        else:
            lines += [Line(shown, found), *absent]
    return lines


def _places(text: str) -> Iterator[tuple[str, int]]:
    """Each value's pointer, and the number of the line that it begins on, from 0."""
    line, seen = 0, 0
    for pointer, start in walk(text):
        line += text.count("\n", seen, start)
        seen = start
        yield pointer, line


def excerpt(value: bytes, problem: str | None) -> list[str]:
    """The part of an unreadable value where its fault is: escaped text, or where it is none, a hexdump."""
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        return _hexdump(value, error.start)
    place = _place_of(text, problem or "")
    first = max(0, place - EXCERPT_CHARACTERS // 2)
    some = text[first : first + EXCERPT_CHARACTERS]
    shown = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in some)
    before, after = ("…" if first else ""), ("…" if first + EXCERPT_CHARACTERS < len(text) else "")
    return [f"{before}{shown}{after}"] if shown else []


def _place_of(text: str, problem: str) -> int:
    """Where the fault is that the sentence names, in characters; the beginning where it names no place."""
    if (found := _LINE.search(problem)) is not None:
        line, column = (int(number.replace(",", "")) for number in found.groups())
        return sum(len(each) + 1 for each in text.split("\n")[: line - 1]) + column - 1
    if (found := _BYTE.search(problem)) is not None:
        return len(text.encode()[: int(found[1].replace(",", ""))].decode(errors="ignore"))
    return 0


def _hexdump(value: bytes, place: int) -> list[str]:
    first = max(0, place - EXCERPT_BYTES // 2) // _IN_A_ROW * _IN_A_ROW
    rows = []
    for start in range(first, min(len(value), first + EXCERPT_BYTES), _IN_A_ROW):
        some = value[start : start + _IN_A_ROW]
        plain = "".join(chr(each) if 32 <= each < 127 else "." for each in some)  # noqa: PLR2004  ASCII's
        rows.append(f"{start:08x}  {some.hex(' '):47}  {plain}")
    return rows

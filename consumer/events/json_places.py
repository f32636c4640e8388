"""Where things stand in a JSON text: the slow walk, taken only when something has to be pointed at."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

# A string, a bracket, a comma, a colon, or a bare word. Possessive, so that hostile text costs linear
# time; the last quote may be missing in a cut-off text.
SYMBOLS: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}:,]|[^\s\[\]{}:,"]++', re.DOTALL)


class Place(NamedTuple):
    """A value's pointer (RFC 6901) and where it starts: at its key, or where it has none, itself."""

    pointer: str
    start: int


@dataclass(slots=True)
class _Container:
    pointer: str
    step: str | int
    key_start: int = 0
    expects_key: bool = False


def line_and_column(text: str, start: int) -> tuple[int, int]:
    """Both counted from 1, in characters."""
    return text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)


def find_tokens(text: str, wanted: frozenset[str]) -> int | None:
    """Where the first of the bare words `wanted` stands, outside of any string."""
    return next((match.start() for match in SYMBOLS.finditer(text) if match[0] in wanted), None)


def find_repeated_key(text: str) -> int | None:
    """Where the first key stands that its object had before."""
    seen: set[str] = set()
    for place in walk(text):
        if place.pointer in seen:
            return place.start
        seen.add(place.pointer)
    return None


def walk(text: str) -> Iterator[Place]:
    """Every value of the text in order, the root first. The text is JSON up to where the caller stops."""
    path: list[_Container] = []
    for match in SYMBOLS.finditer(text):
        symbol, top = match[0], path[-1] if path else None
        if symbol in ("]", "}"):
            if path:
                path.pop()
        elif symbol == ",":
            if top is not None and isinstance(top.step, int):
                top.step += 1
            elif top is not None:
                top.expects_key = True
        elif top is not None and top.expects_key:
            top.step, top.key_start, top.expects_key = _unquoted(symbol), match.start(), False
        elif symbol != ":":
            place = _place(top, match.start())
            yield place
            if symbol == "{":
                path.append(_Container(place.pointer, "", expects_key=True))
            elif symbol == "[":
                path.append(_Container(place.pointer, 0))


def _place(container: _Container | None, start: int) -> Place:
    if container is None:
        return Place("", start)
    if isinstance(container.step, int):
        return Place(f"{container.pointer}/{container.step}", start)
    step = container.step.replace("~", "~0").replace("/", "~1")
    return Place(f"{container.pointer}/{step}", container.key_start)


def _unquoted(symbol: str) -> str:
    if "\\" not in symbol:
        return symbol[1:-1]
    try:
        return str(json.loads(symbol, strict=False))
    except ValueError:
        return symbol

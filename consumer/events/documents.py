"""Files with events in them: one event, an array or JSON lines, structured or bare `data`. Pure.

Each event becomes a document of its own bytes, read by the very rules of a record's value.
"""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from consumer.events.json_places import SYMBOLS, line_and_column, walk
from consumer.events.model import Event, EventRules, OtherType, Reading, Refusal
from consumer.events.reading import read_bare_data, read_structured
from consumer.events.strict_json import UnreadableJsonError, parse_json
from schemas.error_class import ErrorClass
from schemas.event import EVENT_TYPE, SPEC_VERSION

Form = Literal["structured", "bare"]

_DATA_KEYS: Final = frozenset({"courseId", "batchId", "moduleId", "sessionId", "session"})
_OPENING, _CLOSING = frozenset("[{"), frozenset("]}")
_WIDE_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
_SPACE: Final = " \t\r\n"
# How odd bytes survive being split as text.
_ODD_BYTES: Final = "surrogateescape"


@dataclass(frozen=True, slots=True)
class Document:
    """One event's text in a file, and the line (from 1) on which it starts.

    `fault`: a sentence where something is wrong with the file around it.
    """

    raw: bytes
    line: int = 1
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem and its line in the file. `pointer` is empty where no field is to blame."""

    line: int
    pointer: str
    problem: str


class _Span(NamedTuple):
    start: int
    end: int
    fault: str = ""


def split_documents(raw: bytes) -> Iterator[Document]:
    """The documents of a file. What can't be told apart is one document: its reading says what is wrong."""
    if raw.startswith(_WIDE_MARKS) or b"\0" in raw[:4]:
        yield Document(raw, fault="The file is UTF-16 or UTF-32, not UTF-8; save it as UTF-8.")
        return
    text = raw.removeprefix(b"\xef\xbb\xbf").decode(errors=_ODD_BYTES)
    if _is_lines(text):
        spans = _line_spans(text)
    elif text.lstrip(_SPACE).startswith("["):
        spans = _element_spans(text)
    else:
        spans = _value_spans(text)
    yield from _documents(text, spans)


def form_of(raw: bytes, max_bytes: int) -> Form:
    """Bare `data` is an object with fields of `data` and none that only the whole event has."""
    try:
        content = parse_json(raw, max_bytes)
    except UnreadableJsonError:
        return "structured"
    if not isinstance(content, dict) or "specversion" in content or "data" in content:
        return "structured"
    return "bare" if _DATA_KEYS & content.keys() else "structured"


def read_document(
    document: Document, form: Form, rules: EventRules, now_seconds: float, *, maps: bool
) -> Reading:
    """As a record with this value would be read; bare `data` as though its attributes were good."""
    if document.fault:
        return Refusal(ErrorClass.EVENT_UNREADABLE, document.fault)
    if form == "structured":
        return read_structured(document.raw, rules, now_seconds, maps=maps)
    attributes = {
        "specversion": SPEC_VERSION,
        "id": "-",
        "source": "-",
        "type": EVENT_TYPE,
        "time": "1970-01-01T00:00:00Z",
    }
    return read_bare_data(document.raw, attributes, rules, now_seconds, maps=maps)


def findings_in(document: Document, form: Form, reading: Reading, max_bytes: int) -> tuple[Finding, ...]:
    """The reading's problems with their lines: where the field stands, or else the object that lacks it."""
    if isinstance(reading, Event | OtherType):
        return ()
    if not reading.problems:
        line = document.line if document.fault else _fault_line(document, max_bytes)
        return (Finding(line, "", reading.message),)
    text = document.raw.decode()
    starts = {place.pointer: place.start for place in walk(text)}
    prefix = "/data" if form == "bare" else ""
    return tuple(
        Finding(
            document.line + line_and_column(text, _start(starts, each.pointer.removeprefix(prefix)))[0] - 1,
            each.pointer,
            each.problem,
        )
        for each in reading.problems
    )


def _is_lines(text: str) -> bool:
    lines = [line for line in text.split("\n") if line.strip(_SPACE)]
    if not lines:
        return False
    return all(line.startswith("{") for line in lines) or (len(lines) > 1 and _is_whole(lines[0]))


def _is_whole(line: str) -> bool:
    """A value by itself, but for the start of an array of lines."""
    try:
        return not isinstance(parse_json(line.encode(errors=_ODD_BYTES), len(line) * 4), list)
    except UnreadableJsonError:
        return False


def _line_spans(text: str) -> Iterator[_Span]:
    start = 0
    for line in text.split("\n"):
        if line.strip(_SPACE):
            yield _Span(start, start + len(line))
        start += len(line) + 1


def _element_spans(text: str) -> Iterator[_Span]:
    """Between the brackets and commas of the outermost array; what follows it is one more."""
    depth = start = count = 0
    for match in SYMBOLS.finditer(text):
        symbol = match[0]
        if depth == 1 and (symbol == "," or symbol in _CLOSING):
            is_empty_array = symbol != "," and count == 0 and not text[start : match.start()].strip(_SPACE)
            if not is_empty_array:
                yield _Span(start, match.start())
            start, count = match.end(), count + 1
        depth += (symbol in _OPENING) - (symbol in _CLOSING)
        if depth == 1 and symbol in _OPENING:
            start = match.end()
        if depth == 0:
            break
    if text[start:].strip(_SPACE):
        yield _Span(start, len(text))
    if depth == 1:
        yield _Span(len(text), len(text), "The array is not closed; is the end of the file missing?")


def _value_spans(text: str) -> Iterator[_Span]:
    """One value after another, as `jq` prints them; lines between two are one of their own."""
    depth = start = 0
    for match in SYMBOLS.finditer(text):
        if depth == 0 and match[0] in _OPENING:
            between = text[start : match.start()].rstrip(" \t")
            if between.strip(_SPACE) and between.endswith("\n"):
                yield _Span(start, match.start())
                start = match.start()
        depth += (match[0] in _OPENING) - (match[0] in _CLOSING)
        if depth == 0 and match[0] in _CLOSING:
            yield _Span(start, match.end())
            start = match.end()
    if text[start:].strip(_SPACE) or not start:
        yield _Span(start, len(text))


def _documents(text: str, spans: Iterator[_Span]) -> Iterator[Document]:
    counted, line = 0, 1
    for span in spans:
        piece = text[span.start : span.end]
        begin = span.start + len(piece) - len(piece.lstrip(_SPACE))
        line += text.count("\n", counted, begin)
        counted = begin
        yield Document(piece.strip(_SPACE).encode(errors=_ODD_BYTES), line, span.fault)


def _fault_line(document: Document, max_bytes: int) -> int:
    try:
        parse_json(document.raw, max_bytes)
    except UnreadableJsonError as error:
        return document.line + error.line - 1
    return document.line


def _start(starts: dict[str, int], pointer: str) -> int:
    while pointer not in starts and pointer:
        pointer = pointer.rpartition("/")[0]
    return starts.get(pointer, 0)

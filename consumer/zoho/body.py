"""Where errors stand in an answer's body: codes and messages, and never a session's contents. Pure."""

import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from consumer.zoho.answer import Answer

# Zoho's error forms differ in names and nesting (dialects A to G, `response.errors` as object or array, …).
# Only these keys are looked into, so that the text of an echoed session is never taken for an error.
_CODE_KEYS = ("code", "errorcode", "errorCode", "error_code", "status_code", "title", "error_type", "cause")
_MESSAGE_KEYS = ("message", "msg", "localized_message", "error_description", "errorMessage", "error_message")
_ERROR_KEYS = ("error", "errors", "errorcode", "errorCode", "error_code")
_NESTED_KEYS = ("response", "error", "errors", "details")
_MAX_DEPTH = 6
_MAX_PARTS = 16
_MAX_TEXT = 2_000
_MAX_CODE = 100
_MAX_MARKUP = 16_384
_MAX_DIGITS = 30
_SYMBOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class Body:
    """What an answer's body says of itself.

    `codes` and `messages` come from the places of errors, outermost first; a code is one word.
    `says_applied`: the success markers of Zoho's page, and no error beside them. `session`: the
    echoed session of such a success. `understood`: JSON with a code, a message or a success in it.
    `unparsed`: there is a body, and it is no JSON, or none that is whole. `text`: its visible text, if
    it is not JSON that broke off (an HTML page, for one), else empty.
    """

    codes: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    says_applied: bool = False
    session: dict[str, object] | None = None
    understood: bool = False
    unparsed: bool = False
    text: str = ""


def read_body(answer: Answer) -> Body:
    """Read the body; never raises. A truncated one is never a success."""
    text = answer.body.decode("utf-8", "replace").removeprefix("\ufeff")
    try:
        content = json.loads(text, parse_int=_whole_number)
    except (ValueError, RecursionError):
        return _unparsed(text)
    found = _Found()
    found.look_into(content, _MAX_DEPTH)
    codes, messages = tuple(found.codes), tuple(found.messages)
    if not answer.truncated and isinstance(content, dict) and _says_applied(content):
        session = content.get("session")
        shown = session if isinstance(session, dict) else None
        return Body(codes, messages, says_applied=True, session=shown, understood=True)
    return Body(codes, messages, understood=bool(codes or messages))


def _says_applied(content: dict[str, object]) -> bool:
    code, message = content.get("code"), content.get("message")
    if any(content.get(key) for key in _ERROR_KEYS) or content.get("response") not in (None, "", "success"):
        return False
    is_success = isinstance(message, str) and message.strip().casefold() == "success"
    if code is None:
        return is_success and isinstance(content.get("session"), dict)
    # A code of 200 beside a message that is no success: the message is judged first (see verdict.py).
    return not isinstance(code, bool) and code in (200, "200")


class _Found:
    """Codes and messages so far; bounded in number."""

    def __init__(self) -> None:
        self.codes: list[str] = []
        self.messages: list[str] = []

    def look_into(self, content: object, depth: int) -> None:
        if depth == 0 or len(self.codes) + len(self.messages) > _MAX_PARTS:
            return
        if isinstance(content, list):
            for part in content[:_MAX_PARTS]:
                self.look_into(part, depth - 1)
        elif isinstance(content, dict):
            for key in _CODE_KEYS:
                self.add_code(content.get(key))
            for key in _MESSAGE_KEYS:
                self.add_message(content.get(key))
            for key in _NESTED_KEYS:
                part = content.get(key)
                if isinstance(part, str) and key.startswith("error"):
                    self.add_code(part)
                elif isinstance(part, str):
                    self.add_message(part)
                else:
                    self.look_into(part, depth - 1)

    def add_code(self, value: object) -> None:
        """One word is a code; several words under a code's key are a message."""
        if isinstance(value, int) and not isinstance(value, bool):
            self.codes.append(str(value))
        elif isinstance(value, str) and len(value) <= _MAX_CODE and _SYMBOL.fullmatch(value.strip()):
            self.codes.append(value.strip())
        else:
            self.add_message(value)

    def add_message(self, value: object) -> None:
        if isinstance(value, str) and value.strip():
            self.messages.append(value.strip()[:_MAX_TEXT])


def _whole_number(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MAX_DIGITS else digits


# A code in what is no sound JSON (cut off, or inside a page): quoted as in JSON. In the text of an
# echoed session it does not match: there the quotes are escaped.
_LOOSE_CODE = re.compile(r'"(?:code|title|cause)"\s*:\s*"?([A-Za-z0-9_]{1,60})"?\s*[,}]')


def _unparsed(text: str) -> Body:
    codes = tuple(_loose_codes(text[:_MAX_MARKUP]))
    if text.lstrip()[:1] in {"{", "["}:
        # Broken JSON may hold an echoed session: no phrase in it is trusted.
        return Body(codes, unparsed=True)
    return Body(codes, unparsed=bool(text.strip()), text=visible_text(text))


def _loose_codes(text: str) -> Iterator[str]:
    for number, match in enumerate(_LOOSE_CODE.finditer(html.unescape(text) if "&quot;" in text else text)):
        if number < _MAX_PARTS:
            yield match[1]


def visible_text(markup: str) -> str:
    """About what a reader of the page would see: no tags, white space collapsed, at most 16 KiB of it."""
    return " ".join(html.unescape(re.sub(r"<[^<>]*>", " ", markup[:_MAX_MARKUP])).split())

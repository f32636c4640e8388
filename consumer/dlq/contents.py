"""A dead letter's key, value and headers in JSON: a string is text, an object is bytes in base64. Pure.

Text is what is valid UTF-8, so that every content has one form and the same bytes come back from it.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from typing import Any

from consumer.records import Headers

# A string, `{"base64": "…"}`, or None for null.
Content = str | Mapping[str, str] | None


def to_json(raw: bytes | None) -> Content:
    """Text where the bytes are UTF-8, else `{"base64": "…"}`."""
    if raw is None:
        return None
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(raw).decode()}


def headers_to_json(headers: Headers) -> list[Mapping[str, Content]]:
    """Each with `name` and `value`, in their order; names have the same form as contents."""
    return [
        {"name": to_json(name.encode("utf-8", "surrogateescape")), "value": to_json(value)}
        for name, value in headers
    ]


def from_json(content: object) -> bytes | None:
    """The bytes; ValueError, in words that follow the content's name, where it is none of these forms."""
    if content is None:
        return None
    try:
        if isinstance(content, str):
            return content.encode()
        if isinstance(content, dict) and content.keys() == {"base64"} and isinstance(content["base64"], str):
            return base64.b64decode(content["base64"].encode("ascii"), validate=True)
    except UnicodeEncodeError:
        raise ValueError("is not text that UTF-8 can hold") from None
    except binascii.Error:
        raise ValueError("is not base64") from None
    raise ValueError('must be a string, {"base64": "…"} or null')


def headers_from_json(found: object) -> Headers:
    """What `headers_to_json` gave; ValueError, in words that follow the file's name, where it is not."""
    if not isinstance(found, list):
        raise ValueError('must be a list of headers, each {"name": …, "value": …}')  # noqa: TRY004  (words for a file's owner)
    return tuple(_headers(found))


def _headers(found: Iterable[object]) -> Iterable[tuple[str, bytes | None]]:
    for number, header in enumerate(found, 1):
        if not isinstance(header, dict) or header.keys() != {"name", "value"}:
            raise ValueError(f'header {number} must be {{"name": …, "value": …}}')
        parts: dict[str, bytes | None] = {}
        for part, content in header.items():
            try:
                parts[part] = from_json(content)
            except ValueError as exc:
                raise ValueError(f"header {number}: its {part} {exc}") from None
        if (name := parts["name"]) is None:
            raise ValueError(f"header {number}: its name must not be null")
        yield name.decode("utf-8", "surrogateescape"), parts["value"]


def row_of(key: bytes | None, value: bytes | None, headers: Headers) -> Mapping[str, Any]:
    """`key`, `value` and `headers`, to be joined to a dead letter's row."""
    return {"key": to_json(key), "value": to_json(value), "headers": headers_to_json(headers)}


def flat_row_of(
    row: Mapping[str, Any], key: bytes | None, value: bytes | None, headers: Headers
) -> Mapping[str, str]:
    """Row and contents for CSV: what is nested in the row becomes `origin_topic`; lists stay JSON.

    `key_form`, `value_form`: `text`, `base64` or `null`, so that an empty content is not taken for null.
    """
    flat: dict[str, str] = {}
    for name, cell in row.items():
        if isinstance(cell, Mapping):
            flat |= {f"{name}_{inner}": _cell(each) for inner, each in cell.items()}
        else:
            flat[name] = _cell(cell)
    for name, raw in (("key", key), ("value", value)):
        content = to_json(raw)
        flat[f"{name}_form"] = "null" if content is None else "text" if isinstance(content, str) else "base64"
        flat[name] = content["base64"] if isinstance(content, Mapping) else content or ""
    return {**flat, "headers": _cell(headers_to_json(headers))}


def _cell(found: object) -> str:
    return "" if found is None else found if isinstance(found, str) else json.dumps(found)

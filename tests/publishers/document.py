"""A real record against the AsyncAPI document. Pure."""

import json
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft7Validator, FormatChecker

from consumer.records import Record


def misfits(document: Any, channel: str, record: Record) -> dict[str, list[str]]:
    """By each message of the channel what is not as the document says; empty where one of them fits."""
    messages = document["channels"][channel]["messages"]
    found = {
        name: list(_problems(document, document["components"]["messages"][name], record)) for name in messages
    }
    return found if all(found.values()) else {}


def _problems(document: Any, message: Any, record: Record) -> Iterator[str]:
    key = None if record.key is None else record.key.decode()
    parts: list[tuple[str, Any, Any]] = [("key", message["bindings"]["kafka"]["key"], key)]
    if "headers" in message:
        parts.append(("headers", message["headers"], _headers(record)))
    if message["contentType"].endswith("json"):
        parts.append(("payload", message["payload"], json.loads(record.value or b"null")))
    for part, schema, found in parts:
        validator = Draft7Validator(
            {**schema, "components": document["components"]}, format_checker=FormatChecker()
        )
        for error in validator.iter_errors(found):
            yield f"{part}: {error.message}"


def _headers(record: Record) -> dict[str, str]:
    return {name: (value or b"").decode() for name, value in record.headers}

"""What of a schema's change breaks somebody who was written against the released one. Pure.

Compared by jsoncompat, which decides whether one schema takes all that the other does. By itself it
finds every new field breaking, because under its name an open object took any value before; so who
writes is taken to write named fields alone. It passes over patterns and formats, and cannot know that a
field that is gone would be ignored: those have rules here. A keyword that is not among these is refused,
because nobody knows what it would break.
"""

import json
from collections.abc import Iterator
from functools import reduce
from typing import Any, Literal

import jsoncompat

# By whom a message is read: events by us; what we write, by others.
Reader = Literal["us", "others"]
_BOUNDS = {"type", "enum", "const", "minLength", "maxLength", "minimum", "maximum", "required"}
_WITHIN = {"properties", "items", "anyOf", "contentSchema"}
_FORMS = {"pattern", "format", "contentMediaType"}
_NO_RULES = {"$id", "$schema", "$defs", "components", "title", "description", "examples"}


class UnknownKeywordError(Exception):
    """A schema says something that is not compared: teach it here, with a test, or say it otherwise."""


def breaking(old: Any, new: Any, reader: Reader) -> list[str]:
    """Why the new schema breaks those who know the old one, in sentences; empty where it does not.

    Read by us, all that was valid stays valid. Read by others, all that we write is valid by the old one.
    UnknownKeywordError where one of the two can't be compared.
    """
    old, new = _plain(old, old), _plain(new, new)
    found = []
    if reader == "us":
        compatible = jsoncompat.check_compat(_text(old, closed=True), _text(new), "deserializer")
    else:
        compatible = jsoncompat.check_compat(_text(old), _text(new, closed=True), "serializer")
    if not compatible:
        found.append("something that may be written is not valid for who reads it")
    before, now = dict(_fields(old)), dict(_fields(new))
    found += [f"{path} is gone" for path in sorted(before.keys() - now.keys())]
    written, read = (before, now) if reader == "us" else (now, before)
    found += [
        f"{path or '/'} has another form"
        for path in sorted(before.keys() & now.keys())
        if not read[path] <= written[path]
    ]
    return found


def message_parts(document: Any) -> dict[tuple[str, str, str], Any]:
    """The schema of every part of every message in an AsyncAPI document, by channel, message and part."""
    found = {}
    for channel, described in document["channels"].items():
        for name in described["messages"]:
            message = document["components"]["messages"][name]
            parts = {
                "key": message["bindings"]["kafka"]["key"],
                "headers": message.get("headers", {}),
                "payload": message["payload"],
                "content type": {"const": message["contentType"]},
                "topic": {"const": described["address"]},
            }
            for part, schema in parts.items():
                found[channel, name, part] = {**schema, "components": document["components"]}
    return found


def _plain(schema: Any, root: Any) -> Any:
    """References replaced by what they mean, JSON texts by what is in them, without what is no rule."""
    if "$ref" in schema:
        if rules := schema.keys() - {"$ref"} - _NO_RULES:
            raise UnknownKeywordError(f"{', '.join(sorted(rules))} beside $ref")
        steps = schema["$ref"].removeprefix("#/").split("/")
        return _plain(reduce(lambda place, step: place[step], steps, root), root)
    if unknown := schema.keys() - _BOUNDS - _WITHIN - _FORMS - _NO_RULES:
        raise UnknownKeywordError(", ".join(sorted(unknown)))
    plain: dict[str, Any] = {}
    for name in schema.keys() - _NO_RULES:
        said = schema[name]
        match name:
            case "properties":
                plain[name] = {field: _plain(part, root) for field, part in said.items()}
            case "anyOf":
                plain[name] = [_plain(part, root) for part in said]
            case "items" | "contentSchema":
                plain[name] = _plain(said, root)
            case _:
                plain[name] = said
    return plain


def _text(schema: Any, *, closed: bool = False) -> str:
    return json.dumps(_mapped(schema, closed=closed))


def _mapped(schema: Any, *, closed: bool) -> Any:
    """What is compared by jsoncompat; `closed`: with no fields but those named."""
    schema = schema.get("contentSchema", schema)
    mapped = {name: said for name, said in schema.items() if name not in _FORMS}
    if "properties" in schema:
        mapped["properties"] = {
            name: _mapped(field, closed=closed) for name, field in schema["properties"].items()
        }
        if closed:
            mapped["additionalProperties"] = False
    if "anyOf" in schema:
        mapped["anyOf"] = [_mapped(part, closed=closed) for part in schema["anyOf"]]
    if "items" in schema:
        mapped["items"] = _mapped(schema["items"], closed=closed)
    return mapped


def _fields(schema: Any, path: str = "") -> Iterator[tuple[str, set[tuple[str, str]]]]:
    """Every field's path, with what is said of its form. Those within a JSON text are fields too."""
    parts = (schema, *schema.get("anyOf", ()))
    yield path, {(name, str(part[name])) for part in parts for name in _FORMS if name in part}
    for part in parts:
        for name, field in part.get("properties", {}).items():
            yield from _fields(field, f"{path}/{name}")
        for name in ("items", "contentSchema"):
            if name in part:
                yield from _fields(part[name], f"{path}/*")

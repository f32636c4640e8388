"""What of a schema's change breaks somebody who was written against the released one. Pure.

Compared by jsoncompat, which decides whether one schema takes all that the other does. By itself it
finds every new field breaking, because under its name an open object took any value before; so who
writes is taken to write named fields alone. It passes over patterns and formats, and cannot know that a
field that is gone would be ignored, or that unknown fields must pass: those have rules here.
"""

import json
from collections.abc import Iterator
from typing import Any, Literal

import jsoncompat

# By whom a message is read: events by us; what we write, by others.
Reader = Literal["us", "others"]
# They say nothing of validity, and jsoncompat takes references beside an `$id` for foreign ones.
_NO_RULES = {"$id", "$schema", "examples"}
_FORMS = ("pattern", "format", "additionalProperties")


def breaking(old: Any, new: Any, reader: Reader) -> list[str]:
    """Why the new schema breaks those who know the old one, in sentences; empty where it does not.

    Read by us, all that was valid stays valid. Read by others, all that we write is valid by the old one.
    """
    found = []
    if reader == "us":
        compatible = jsoncompat.check_compat(_text(old, closed=True), _text(new), "deserializer")
    else:
        compatible = jsoncompat.check_compat(_text(old), _text(new, closed=True), "serializer")
    if not compatible:
        found.append("something that may be written is not valid for who reads it")
    before, now = dict(_fields(old, old)), dict(_fields(new, new))
    found += [f"{path} is gone" for path in sorted(before.keys() - now.keys())]
    written, read = (before, now) if reader == "us" else (now, before)
    found += [
        f"{path or '/'} has another form"
        for path in sorted(before.keys() & now.keys())
        if not read[path] <= written[path]
    ]
    return found


def _text(schema: Any, *, closed: bool = False) -> str:
    return json.dumps(_mapped(schema, closed=closed))


def _mapped(schema: Any, *, closed: bool) -> Any:
    """Without what is no rule, JSON texts as what is in them; `closed`: with no fields but those named."""
    if isinstance(schema, list):
        return [_mapped(part, closed=closed) for part in schema]
    if not isinstance(schema, dict):
        return schema
    schema = schema.get("contentSchema", schema)
    mapped = {name: _mapped(part, closed=closed) for name, part in schema.items() if name not in _NO_RULES}
    if closed and "properties" in mapped:
        mapped["additionalProperties"] = False
    return mapped


def _fields(schema: Any, root: Any, path: str = "") -> Iterator[tuple[str, set[tuple[str, str]]]]:
    """Every field's path, with what is said of its form. Those within a JSON text are fields too."""
    parts = [_resolved(part, root) for part in (schema, *schema.get("anyOf", ()))]
    yield path, {(name, str(part[name])) for part in parts for name in _FORMS if name in part}
    for part in parts:
        for name, field in part.get("properties", {}).items():
            yield from _fields(field, root, f"{path}/{name}")
        for name in ("items", "contentSchema"):
            if name in part:
                yield from _fields(part[name], root, f"{path}/*")


def _resolved(schema: Any, root: Any) -> Any:
    reference = schema.get("$ref")
    return schema if reference is None else root["$defs"][reference.rpartition("/")[2]]

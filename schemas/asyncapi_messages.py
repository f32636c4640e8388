"""The AsyncAPI document's messages and schemas: the models, the headers around them, and examples."""

import json
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from schemas.catalogue import CATALOGUE, DIRECTORY, VALID_EXAMPLES, ContractSchema, read_json
from schemas.dead_letter import EVENT_ID, ID

_SCHEMAS: Final = "#/components/schemas/"
# Zoho's own form is no message of ours.
_MODELS: Final = [
    (model, "validation")
    for name, entry in CATALOGUE.items()
    if name != "session-data"
    for model in (entry.model, *entry.mentioned)
]
_BINARY: Final = "application/json"
_STRUCTURED: Final = "application/cloudevents+json"
_AS_IT_CAME: Final = "application/octet-stream"

# Of no type and no pattern: whatever they hold, the event is taken.
_TRACE: Final = {
    "traceparent": {
        "description": "Optional: the publisher's trace, as W3C Trace Context writes it; else passed over."
    },
    "tracestate": {"description": "Optional, beside `traceparent`, as the same standard writes it."},
}
_SESSION_KEY: Final = {
    "type": "string",
    "description": "Recommended: the session id, so that one session's events stay in order.",
}
_FIRST_KEY: Final = {"description": "The first record's, as it was; may be null."}
_FIRST_VALUE: Final = {"description": "The first record's bytes, as they were; may be null."}


def messages() -> dict[str, Any]:
    """Every message by its name."""
    event = read_json(VALID_EXAMPLES / "full.json")
    attributes = {f"ce_{name}": value for name, value in event.items() if name != "data"}
    return {
        "sessionChangedBinary": {
            "title": "A session changed (binary mode)",
            "summary": "CloudEvents binary mode: attributes are headers, the value is the event's data.",
            "contentType": _BINARY,
            "headers": _schema("BinaryHeaders"),
            "payload": _schema("SessionChanged"),
            **_kafka(_SESSION_KEY, "$message.header#/ce_id"),
            "examples": [
                {
                    "name": "full",
                    "headers": {"content-type": _BINARY, **attributes},
                    "payload": event["data"],
                }
            ],
        },
        "sessionChangedStructured": {
            "title": "A session changed (structured mode)",
            "summary": "CloudEvents structured mode: the value is the whole event.",
            "contentType": _STRUCTURED,
            "headers": _schema("StructuredHeaders"),
            "payload": _schema("SessionChangedEvent"),
            **_kafka(_SESSION_KEY, "$message.payload#/id"),
            "examples": [{"name": "full", "headers": {"content-type": _STRUCTURED}, "payload": event}],
        },
        "deadLetter": {
            "title": "A dead letter",
            "summary": "The record that failed: key, value and headers untouched, these headers appended.",
            "contentType": _AS_IT_CAME,
            "headers": _schema("DeadLetterHeaders"),
            "payload": _FIRST_VALUE,
            **_kafka(_FIRST_KEY, f"$message.header#/{EVENT_ID}"),
            "examples": [_example("dead-letter", "headers")],
        },
        "replay": {
            "title": "A dead letter, sent once more",
            "summary": "The first record's key, value (or a mended value) and headers, with these headers.",
            "contentType": _AS_IT_CAME,
            "headers": _schema("ReplayHeaders"),
            "payload": _FIRST_VALUE,
            **_kafka(_FIRST_KEY, f"$message.header#/{ID}"),
            "examples": [_example("replay", "headers")],
        },
        "outcome": {
            "title": "An event's outcome",
            "summary": "What became of an event. A record without a value says its key may be forgotten.",
            "contentType": _BINARY,
            "payload": _schema("Outcome"),
            **_kafka({"$ref": f"{_SCHEMAS}Outcome/properties/session"}, "$message.payload#/event/id"),
            "examples": [_example("outcome", "payload")],
        },
        "deadLetterState": {
            "title": "A dead letter's state",
            "summary": "Written at every change of it: the newest one counts, and without one it is open.",
            "contentType": _BINARY,
            "payload": _schema("DeadLetterState"),
            **_kafka(
                {"type": "string", "pattern": "^dead-letter/", "description": "`dead-letter/<dlq.id>`."},
                "$message.payload#/deadLetterId",
            ),
            "examples": [_example("dead-letter-state", "payload")],
        },
    }


def component_schemas() -> dict[str, Any]:
    """The models' schemas, and those of the headers that publishers send."""
    _, pool = models_json_schema(_MODELS, schema_generator=ContractSchema)
    found: dict[str, Any] = json.loads(json.dumps(pool["$defs"]).replace("#/$defs/", _SCHEMAS))
    whole = found["SessionChangedEvent"]
    attributes = {name: field for name, field in whole["properties"].items() if name != "data"}
    found["BinaryHeaders"] = {
        "type": "object",
        "description": "Without a `content-type`, `ce_specversion` makes a record a binary one.",
        "properties": {
            "content-type": {"type": "string", "description": f"`{_BINARY}`; parameters may follow."},
            **{f"ce_{name}": field for name, field in attributes.items()},
            **_TRACE,
            **{f"ce_{name}": described for name, described in _TRACE.items()},
        },
        "required": [f"ce_{name}" for name in whole["required"] if name != "data"],
    }
    found["StructuredHeaders"] = {
        "type": "object",
        "properties": {
            "content-type": {"type": "string", "description": f"`{_STRUCTURED}`; parameters may follow."},
            **_TRACE,
        },
        "required": ["content-type"],
    }
    # CloudEvents' extension for distributed tracing: in structured mode beside the other attributes.
    whole["properties"] |= _TRACE
    return found


def _schema(name: str) -> dict[str, str]:
    return {"$ref": _SCHEMAS + name}


def _kafka(key: dict[str, Any], correlation: str) -> dict[str, Any]:
    return {
        "correlationId": {"location": correlation},
        "bindings": {"kafka": {"key": key, "bindingVersion": "0.5.0"}},
    }


def _example(name: str, part: str) -> dict[str, Any]:
    return {"name": name, part: read_json(DIRECTORY / "examples" / f"{name}.json")}

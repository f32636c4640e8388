"""Which models are published as JSON Schemas, and the examples beside them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from schemas.dead_letter import DeadLetterHeaders, DetailsEntry, ReplayHeaders
from schemas.event import SessionChanged, SessionChangedEvent
from schemas.outcome import DeadLetterState, Outcome
from schemas.session_data import SessionData

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
DIRECTORY: Final = Path(__file__).parent
SCHEMA_DIRECTORY: Final = DIRECTORY / "json"
VALID_EXAMPLES: Final = DIRECTORY / "examples" / "valid"
INVALID_EXAMPLES: Final = DIRECTORY / "examples" / "invalid"


@dataclass(frozen=True, slots=True)
class Entry:
    """One published schema: its title, its model, and models that only its text refers to."""

    title: str
    model: type[BaseModel]
    mentioned: tuple[type[BaseModel], ...] = ()


CATALOGUE: Final = {
    "event": Entry("Training session changed: the event", SessionChangedEvent),
    "data": Entry("Training session changed: the event's data", SessionChanged),
    "session-data": Entry("Zoho's sessionData", SessionData),
    "dead-letter": Entry("A dead letter's headers", DeadLetterHeaders, (DetailsEntry,)),
    "replay": Entry("A replay's headers", ReplayHeaders),
    "outcome": Entry("An event's outcome", Outcome),
    "dead-letter-state": Entry("A dead letter's state", DeadLetterState),
}


def json_schema(name: str) -> dict[str, Any]:
    """The JSON Schema 2020-12 of that name in the catalogue; KeyError for another."""
    entry = CATALOGUE[name]
    references, pool = models_json_schema(
        [(model, "validation") for model in (entry.model, *entry.mentioned)],
        schema_generator=ContractSchema,
    )
    definitions = pool["$defs"]
    root = definitions.pop(references[(entry.model, "validation")]["$ref"].rpartition("/")[2])
    schema: dict[str, Any] = {
        "$schema": DIALECT,
        "$id": f"urn:session-consumer:schema:{name}:v1",
        **root,
        "title": entry.title,
    }
    if definitions:
        schema["$defs"] = definitions
    if examples := _examples(name):
        schema["examples"] = examples
    return schema


class ContractSchema(GenerateJsonSchema):
    """Without the noise: no titles made of field names, no `default: null` for what may be left out."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if schema.get("default", ...) is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)


def _examples(name: str) -> list[Any]:
    if name in ("event", "data"):
        events = [read_json(VALID_EXAMPLES / f"{stem}.json") for stem in ("full", "minimal")]
        return [event if name == "event" else event["data"] for event in events]
    path = DIRECTORY / "examples" / f"{name}.json"
    return [read_json(path)] if path.exists() else []


def read_json(path: Path) -> Any:
    """The JSON in one of our own files."""
    return json.loads(path.read_text(encoding="utf-8"))

"""The published JSON Schemas."""

import json
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from consumer.delivery.dead_letter import Failure, Letterhead, dead_letter
from consumer.events.examples import invalid_examples, valid_examples
from consumer.events.zones import load_zone
from schemas import dead_letter as names
from schemas.catalogue import CATALOGUE, DIRECTORY, SCHEMA_DIRECTORY, json_schema, read_json
from schemas.dead_letter import DeadLetterHeaders, ReplayHeaders
from schemas.outcome import DeadLetterState, Outcome
from tests.unit.events.samples import KOLKATA, NOW, accepted, record, refused


def validator(name: str) -> Draft202012Validator:
    """Of the file that is shipped, with formats checked."""
    return Draft202012Validator(read_json(SCHEMA_DIRECTORY / f"{name}.json"), format_checker=FormatChecker())


@pytest.mark.parametrize("name", CATALOGUE)
def test_each_schema_is_itself_valid_and_accepts_its_examples(name: str) -> None:
    """2020-12, with an id of its own and at least one example."""
    schema = json_schema(name)
    Draft202012Validator.check_schema(schema)

    assert f"urn:session-consumer:schema:{name}:v1" == schema["$id"]
    assert schema["examples"]
    for example in schema["examples"]:
        validator(name).validate(example)


@pytest.mark.parametrize("name", CATALOGUE)
def test_each_field_is_explained(name: str) -> None:
    """A schema is documentation."""
    for field, described in json_schema(name)["properties"].items():
        assert described.get("description") or "$ref" in described, field


@pytest.mark.parametrize("pointer", ["revision", "roomId", "description", "lockedUntil", "gradeCategoryId"])
def test_null_is_no_value_in_the_schema_either(pointer: str) -> None:
    """An optional field may be absent, not null."""
    event: Any = json.loads(json.dumps(valid_examples()["full"]))
    place = event["data"] if pointer == "revision" else event["data"]["session"]
    place[pointer] = None

    assert not validator("event").is_valid(event)


@pytest.mark.parametrize("name", valid_examples())
def test_what_is_sent_to_zoho_fits_its_schema(name: str) -> None:
    """The mapping keeps to the model."""
    validator("session-data").validate(accepted(valid_examples()[name]).session_data)


@pytest.mark.parametrize("name", invalid_examples())
def test_dead_letters_fit_their_schema(name: str) -> None:
    """Headers as they are written, details included."""
    example = invalid_examples()[name]
    raw = example["value"].encode() if "value" in example else json.dumps(example["event"]).encode()
    rules = replace(KOLKATA, zone=load_zone(example.get("time_zone", "Asia/Kolkata")))
    refusal = refused(raw, rules=rules)
    letter = dead_letter(
        record(raw),
        Failure.of_refusal(refusal, NOW),
        Letterhead("default", "session-consumer", "1"),
    )
    headers = {key: (value or b"").decode() for key, value in letter.headers if key in names.RESERVED_NAMES}

    validator("dead-letter").validate(headers)
    DeadLetterHeaders.model_validate(headers)


def test_the_models_take_the_contract_s_outcome_records() -> None:
    """Both kinds."""
    assert Outcome.model_validate(read_json(DIRECTORY / "examples" / "outcome.json")).outcome == "applied"
    state = read_json(DIRECTORY / "examples" / "dead-letter-state.json")
    assert DeadLetterState.model_validate(state).replay_count == 1


def test_the_headers_models_name_every_header() -> None:
    """The list of reserved names and the models can't drift apart."""
    models = (DeadLetterHeaders, ReplayHeaders)
    aliases = {field.alias for model in models for field in model.model_fields.values()}

    assert aliases == names.RESERVED_NAMES

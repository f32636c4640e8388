"""No change of a schema breaks those who were written against a released one."""

import copy
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schemas.catalogue import CATALOGUE, json_schema, read_json
from tests.publishers.compatibility import Reader, UnknownKeywordError, breaking

# A folder for each release: `cp schemas/json/*.json schemas/asyncapi.json tests/publishers/released/VERSION`.
RELEASED = Path(__file__).parent / "released"
# Zoho's form is Zoho's: nobody but it reads that.
READERS: dict[str, tuple[Reader, ...]] = {
    "event": ("us",),
    "data": ("us",),
    "dead-letter": ("others", "us"),  # by `dlq` commands of a later release too
    "replay": ("others", "us"),
    "outcome": ("others", "us"),
    "dead-letter-state": ("others", "us"),
}

SCHEMAS = sorted(path for path in RELEASED.glob("*/*.json") if path.stem != "asyncapi")

Change = Callable[[Any], None]


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: "/".join(path.parts[-2:]))
def test_what_was_released_still_holds(path: Path) -> None:
    """In the direction in which it is read."""
    for reader in READERS.get(path.stem, ()):
        assert [] == breaking(read_json(path), json_schema(path.stem), reader), f"read by {reader}"


def test_every_schema_has_a_reader_and_every_release_its_schemas() -> None:
    """A new schema and a new version are noticed; none that was released is gone."""
    version = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]["version"]

    assert {*READERS, "session-data"} == set(CATALOGUE)
    assert (RELEASED / version).is_dir()
    assert {path.stem for path in SCHEMAS} <= set(CATALOGUE)


def _session(schema: Any) -> Any:
    return schema["$defs"]["TrainingSession"]


def _new_required_field(schema: Any) -> None:
    schema["properties"]["tenant"] = {"type": "string"}
    schema["required"].append("tenant")


def _optional_field_now_required(schema: Any) -> None:
    _session(schema)["required"].append("description")


def _optional_field_gone(schema: Any) -> None:
    del _session(schema)["properties"]["roomId"]


def _required_field_gone(schema: Any) -> None:
    del _session(schema)["properties"]["trainerId"]
    _session(schema)["required"].remove("trainerId")


def _enum_narrowed(schema: Any) -> None:
    _session(schema)["properties"]["delivery"] = {"type": "string", "const": "classroom"}


def _type_changed(schema: Any) -> None:
    _session(schema)["properties"]["roomId"] = {"type": "integer"}


def _type_narrowed(schema: Any) -> None:
    schema["$defs"]["SessionChanged"]["properties"]["revision"]["type"] = "string"


def _length_smaller(schema: Any) -> None:
    _session(schema)["properties"]["name"]["maxLength"] = 999


def _bound_smaller(schema: Any) -> None:
    schema["$defs"]["SessionChanged"]["properties"]["revision"]["maximum"] = 2**31


def _pattern_narrowed(schema: Any) -> None:
    _session(schema)["properties"]["roomId"]["pattern"] = "^[0-9]{1,20}$"


def _format_added(schema: Any) -> None:
    schema["properties"]["source"]["format"] = "uri"


def _null_refused(schema: Any) -> None:
    schema["properties"]["by"] = {"$ref": "#/$defs/EventReference"}


def _version_changed(schema: Any) -> None:
    schema["properties"]["specversion"]["const"] = "1.1"


@pytest.mark.parametrize(
    "change",
    [
        _new_required_field,
        _optional_field_now_required,
        _optional_field_gone,
        _required_field_gone,
        _enum_narrowed,
        _type_changed,
        _type_narrowed,
        _length_smaller,
        _bound_smaller,
        _pattern_narrowed,
        _format_added,
        _version_changed,
    ],
)
def test_a_change_that_breaks_publishers_is_found(change: Change) -> None:
    """Each kind of it: something that was valid no longer is, or is no longer heeded."""
    assert breaking(json_schema("event"), _changed("event", change), "us")


def _unknown_fields_refused(schema: Any) -> None:
    _session(schema)["additionalProperties"] = False


def _unevaluated_fields_refused(schema: Any) -> None:
    schema["unevaluatedProperties"] = False


def _dependent_fields(schema: Any) -> None:
    schema["dependentSchemas"] = {"subject": {"required": ["dataschema"]}}


def _pattern_beside_others(schema: Any) -> None:
    _session(schema)["properties"]["roomId"]["allOf"] = [{"pattern": "^[0-9]{1,20}$"}]


def _rule_beside_a_reference(schema: Any) -> None:
    schema["properties"]["data"]["required"] = ["revision"]


@pytest.mark.parametrize(
    "change",
    [
        _unknown_fields_refused,
        _unevaluated_fields_refused,
        _dependent_fields,
        _pattern_beside_others,
        _rule_beside_a_reference,
    ],
)
def test_what_is_not_compared_is_refused(change: Change) -> None:
    """A keyword that nobody has taught to the comparison, wherever it stands, in either of the two."""
    schema, changed = json_schema("event"), _changed("event", change)

    with pytest.raises(UnknownKeywordError):
        breaking(schema, changed, "us")
    with pytest.raises(UnknownKeywordError):
        breaking(changed, schema, "us")


def _detail_gone(schema: Any) -> None:
    del schema["$defs"]["DetailsEntry"]["properties"]["pointer"]


def _detail_of_another_type(schema: Any) -> None:
    schema["$defs"]["DetailsEntry"]["properties"]["pointer"]["type"] = "integer"


@pytest.mark.parametrize("change", [_detail_gone, _detail_of_another_type])
def test_a_change_within_a_header_s_json_is_found(change: Change) -> None:
    """`dlq.error.details` is read by programs too."""
    assert breaking(json_schema("dead-letter"), _changed("dead-letter", change), "others")


def _new_optional_field(schema: Any) -> None:
    schema["properties"]["tenant"] = {"type": "string"}


def _required_field_now_optional(schema: Any) -> None:
    _session(schema)["required"].remove("trainerId")


def _enum_widened(schema: Any) -> None:
    _session(schema)["properties"]["delivery"]["enum"].append("hybrid")


def _length_larger(schema: Any) -> None:
    _session(schema)["properties"]["name"]["maxLength"] = 2000


def _pattern_gone(schema: Any) -> None:
    del _session(schema)["properties"]["roomId"]["pattern"]


def _described_anew(schema: Any) -> None:
    schema |= {"description": "Another text.", "examples": []}


@pytest.mark.parametrize(
    "change",
    [
        _new_optional_field,
        _required_field_now_optional,
        _enum_widened,
        _length_larger,
        _pattern_gone,
        _described_anew,
    ],
)
def test_a_change_that_breaks_no_publisher_passes(change: Change) -> None:
    """What may change within a version."""
    assert [] == breaking(json_schema("event"), _changed("event", change), "us")


def _outcome_now_optional(schema: Any) -> None:
    schema["required"].remove("outcome")


def _new_outcome(schema: Any) -> None:
    schema["properties"]["outcome"]["enum"].append("postponed")


def _may_be_null(schema: Any) -> None:
    schema["properties"]["session"] = {"anyOf": [schema["properties"]["session"], {"type": "null"}]}


def _field_gone(schema: Any) -> None:
    del schema["properties"]["errorClass"]
    schema["required"].remove("errorClass")


def _form_changed(schema: Any) -> None:
    schema["properties"]["session"]["pattern"] = "^.*$"


@pytest.mark.parametrize(
    "change", [_outcome_now_optional, _new_outcome, _may_be_null, _field_gone, _form_changed]
)
def test_a_change_that_breaks_readers_of_outcomes_is_found(change: Change) -> None:
    """They were told what may come: no other value, nothing missing."""
    assert breaking(json_schema("outcome"), _changed("outcome", change), "others")


@pytest.mark.parametrize("change", [_new_optional_field, _new_required_field, _null_refused])
def test_a_change_that_breaks_no_reader_passes(change: Change) -> None:
    """Readers ignore fields that they do not know."""
    assert [] == breaking(json_schema("outcome"), _changed("outcome", change), "others")


def _changed(name: str, change: Change) -> Any:
    schema = copy.deepcopy(json_schema(name))
    change(schema)
    return schema

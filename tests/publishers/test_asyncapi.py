"""The AsyncAPI document, as AsyncAPI's own parser sees it."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, FormatChecker

from schemas.asyncapi import DOCUMENT
from schemas.catalogue import read_json
from tests.publishers.parser import ParserUnavailableError, install, parse
from tests.publishers.untested import UNTESTED_ASYNCAPI
from tests.unit.events.samples import accepted, full_event

# There is a newer version of AsyncAPI; tools that read it are few yet.
_ACCEPTED = {"asyncapi-latest-version"}
_MESSAGES = list(read_json(DOCUMENT)["components"]["messages"])


@pytest.fixture(scope="module")
def modules(request: pytest.FixtureRequest) -> Path:
    """The parser's packages."""
    try:
        return install()
    except ParserUnavailableError as problem:
        request.config.stash[UNTESTED_ASYNCAPI].skip(str(problem))


def test_the_document_is_valid(modules: Path) -> None:
    """No error, no warning, and no remark but the one we know."""
    assert [] == [found for found in parse(modules, read_json(DOCUMENT)) if found.code not in _ACCEPTED]


def _wrong_action(document: Any) -> None:
    document["operations"]["sendOutcome"]["action"] = "publish"


def _dangling_reference(document: Any) -> None:
    document["components"]["messages"]["outcome"]["payload"]["$ref"] += "Gone"


def _broken_schema(document: Any) -> None:
    document["components"]["schemas"]["Origin"]["type"] = "objekt"


def _wrong_binding(document: Any) -> None:
    document["channels"]["outcomes"]["bindings"]["kafka"]["topicConfiguration"]["cleanup.policy"] = "compact"


def _message_of_another_channel(document: Any) -> None:
    document["operations"]["sendOutcome"]["messages"].append({"$ref": "#/channels/replay/messages/replay"})


@pytest.mark.parametrize(
    "breaks",
    [_wrong_action, _dangling_reference, _broken_schema, _wrong_binding, _message_of_another_channel],
)
def test_a_broken_document_is_found(modules: Path, breaks: Callable[[Any], None]) -> None:
    """The check above is one."""
    document = copy.deepcopy(read_json(DOCUMENT))
    breaks(document)

    assert "error" in {found.severity for found in parse(modules, document)}


@pytest.mark.parametrize("name", _MESSAGES)
def test_every_message_s_examples_fit_its_schemas(name: str) -> None:
    """Headers and payloads; the parser does not look at these."""
    document = read_json(DOCUMENT)
    message = document["components"]["messages"][name]

    assert message["examples"]
    for example in message["examples"]:
        assert example.keys() & {"headers", "payload"}
        for part in example.keys() & {"headers", "payload"}:
            schema = {**message[part], "components": document["components"]}
            Draft7Validator(schema, format_checker=FormatChecker()).validate(example[part])


def test_an_example_that_does_not_fit_is_found() -> None:
    """The check above is one: references lead to the real schema."""
    document = read_json(DOCUMENT)
    message = document["components"]["messages"]["sessionChangedBinary"]
    schema = {**message["payload"], "components": document["components"]}

    assert not Draft7Validator(schema).is_valid(message["examples"][0]["payload"] | {"courseId": 7})


@pytest.mark.parametrize("bad", ["", "x", "00-0-0-00", None, 7, {}])
def test_an_invalid_trace_context_is_no_fault_of_an_event(bad: object) -> None:
    """It is passed over by us, and so by the document: in headers and in a structured event."""
    document = read_json(DOCUMENT)
    traced = dict.fromkeys(("traceparent", "tracestate", "ce_traceparent", "ce_tracestate"), bad)
    for name, part in (
        *(("sessionChangedBinary", "headers"), ("sessionChangedStructured", "headers")),
        ("sessionChangedStructured", "payload"),
    ):
        message = document["components"]["messages"][name]
        schema = {**message[part], "components": document["components"]}
        Draft7Validator(schema).validate(message["examples"][0][part] | traced)

    assert accepted(full_event(lambda event: event.update(traceparent=bad, tracestate=bad))).trace is None


def test_directions_are_the_consumer_s() -> None:
    """It never writes to the publishers' topic, and every topic has its operation."""
    operations = read_json(DOCUMENT)["operations"].values()
    found = {(each["action"], each["channel"]["$ref"].rpartition("/")[2]) for each in operations}

    assert {
        ("receive", "source"),
        ("send", "dead_letter"),
        ("send", "replay"),
        ("receive", "replay"),
        ("send", "outcomes"),
    } == found

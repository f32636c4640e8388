"""No change of the AsyncAPI document breaks those who were written against a released one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schemas.asyncapi import DOCUMENT
from schemas.catalogue import read_json
from tests.publishers.compatibility import Reader, breaking, message_parts
from tests.publishers.test_compatibility import RELEASED, SCHEMAS

# By channel. Headers and keys that publishers send are in no schema of their own.
READERS: dict[str, tuple[Reader, ...]] = {
    "source": ("us",),
    **dict.fromkeys(("dead_letter", "replay", "outcomes"), ("others", "us")),
}
DOCUMENTS = sorted(RELEASED.glob("*/asyncapi.json"))

Change = Callable[[Any], None]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.parts[-2])
def test_every_released_message_still_holds(path: Path) -> None:
    """Its topic, key, headers, payload and content type."""
    assert [] == _breaking_messages(read_json(path), read_json(DOCUMENT))


def test_every_channel_has_a_reader_and_every_release_its_document() -> None:
    """A new channel and a new version are noticed."""
    assert set(READERS) == set(read_json(DOCUMENT)["channels"])
    assert {path.parent for path in SCHEMAS} == {path.parent for path in DOCUMENTS}


def _headers(document: Any, name: str) -> Any:
    return document["components"]["schemas"][name]


def _content_type_required(document: Any) -> None:
    _headers(document, "BinaryHeaders")["required"].append("content-type")


def _header_gone(document: Any) -> None:
    del _headers(document, "BinaryHeaders")["properties"]["ce_time"]


def _content_type_fixed(document: Any) -> None:
    _headers(document, "StructuredHeaders")["properties"]["content-type"]["const"] = "application/json"


def _key_of_a_form(document: Any) -> None:
    _kafka(document, "sessionChangedBinary")["key"]["pattern"] = "^[0-9]+$"


def _key_of_another_form(document: Any) -> None:
    _kafka(document, "deadLetterState")["key"]["pattern"] = "^letter/"


def _key_of_another_field(document: Any) -> None:
    _kafka(document, "outcome")["key"]["$ref"] = "#/components/schemas/EventReference/properties/id"


def _headers_gone(document: Any) -> None:
    del document["components"]["messages"]["deadLetter"]["headers"]


def _other_content_type(document: Any) -> None:
    document["components"]["messages"]["outcome"]["contentType"] = "application/avro"


def _other_topic(document: Any) -> None:
    document["channels"]["dead_letter"]["address"] = "dead"


def _message_gone(document: Any) -> None:
    del document["channels"]["source"]["messages"]["sessionChangedStructured"]


@pytest.mark.parametrize(
    "change",
    [
        _content_type_required,
        _header_gone,
        _content_type_fixed,
        _key_of_a_form,
        _key_of_another_form,
        _key_of_another_field,
        _headers_gone,
        _other_content_type,
        _other_topic,
        _message_gone,
    ],
)
def test_a_change_of_a_message_that_breaks_somebody_is_found(change: Change) -> None:
    """Headers, keys and topics too."""
    assert _breaking_messages(read_json(DOCUMENT), _changed(change))


def _header_added(document: Any) -> None:
    _headers(document, "BinaryHeaders")["properties"]["ce_subject"] = {"type": "string"}


def _message_added(document: Any) -> None:
    document["components"]["messages"]["another"] = document["components"]["messages"]["outcome"]
    document["channels"]["outcomes"]["messages"]["another"] = {}


@pytest.mark.parametrize("change", [_header_added, _message_added])
def test_a_change_of_a_message_that_breaks_nobody_passes(change: Change) -> None:
    """A header more, a message more."""
    assert [] == _breaking_messages(read_json(DOCUMENT), _changed(change))


def _changed(change: Change) -> Any:
    document = read_json(DOCUMENT)
    change(document)
    return document


def _kafka(document: Any, name: str) -> Any:
    return document["components"]["messages"][name]["bindings"]["kafka"]


def _breaking_messages(old: Any, new: Any) -> list[str]:
    before, now = message_parts(old), message_parts(new)
    found = [f"{' '.join(part)} is gone" for part in sorted(before.keys() - now.keys())]
    return found + [
        f"{' '.join(part)}, read by {reader}: {problem}"
        for part in sorted(before.keys() & now.keys())
        for reader in READERS[part[0]]
        for problem in breaking(before[part], now[part], reader)
    ]

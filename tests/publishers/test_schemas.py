"""The JSON Schemas, as check-jsonschema sees them: publishers need no tool of ours to use them."""

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from consumer.events.examples import invalid_examples
from consumer.events.model import Event
from consumer.events.reading import read_structured
from schemas.catalogue import CATALOGUE, DIRECTORY, SCHEMA_DIRECTORY, VALID_EXAMPLES, read_json
from schemas.error_class import ErrorClass
from schemas.event import EVENT_TYPE, SessionChanged, SessionChangedEvent, TrainingSession
from tests.publishers.check_jsonschema import refused
from tests.unit.events.samples import KOLKATA, full_event

ROOT = Path(__file__).parents[2]
EVENT, DATA = (SCHEMA_DIRECTORY / f"{name}.json" for name in ("event", "data"))
# The page says so too: a schema counts characters, and knows no clock.
BEYOND_A_SCHEMA = {"id-too-long", "time-ahead"}
_ATTRIBUTES, _DATA, _SESSION = (
    model.model_json_schema()["properties"]
    for model in (SessionChangedEvent, SessionChanged, TrainingSession)
)
EVENT_PATHS = [
    *((name,) for name in _ATTRIBUTES),
    *(("data", name) for name in _DATA),
    *(("data", "session", name) for name in _SESSION),
]


def _written(directory: Path, documents: dict[str, Any]) -> list[Path]:
    for name, document in documents.items():
        (directory / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")
    return [directory / f"{name}.json" for name in documents]


def test_every_schema_is_a_valid_one() -> None:
    """By the meta-schema of 2020-12."""
    assert set() == refused(None, SCHEMA_DIRECTORY.glob("*.json"))


def test_a_broken_schema_is_found(tmp_path: Path) -> None:
    """The check above is one."""
    schema = json.loads(EVENT.read_text()) | {"type": "objekt"}

    assert {"broken"} == refused(None, _written(tmp_path, {"broken": schema}))


def test_every_valid_example_is_accepted(tmp_path: Path) -> None:
    """Whole, and its data alone."""
    events = {path.stem: json.loads(path.read_text()) for path in VALID_EXAMPLES.glob("*.json")}

    assert set() == refused(EVENT, VALID_EXAMPLES.glob("*.json"))
    assert set() == refused(DATA, _written(tmp_path, {name: event["data"] for name, event in events.items()}))


@pytest.mark.parametrize("name", sorted(CATALOGUE.keys() - {"event", "data"}))
def test_every_example_of_what_we_write_is_accepted(name: str) -> None:
    """Headers, outcomes and states."""
    assert set() == refused(SCHEMA_DIRECTORY / f"{name}.json", [DIRECTORY / "examples" / f"{name}.json"])


def test_what_a_schema_can_say_it_refuses_and_nothing_else(tmp_path: Path) -> None:
    """Every event that is `event_invalid` but two; of the others none: `event validate` has all rules."""
    examples = {name: each for name, each in invalid_examples().items() if "event" in each}
    invalid = {name for name, each in examples.items() if each["error_class"] == ErrorClass.EVENT_INVALID}
    files = _written(tmp_path, {name: each["event"] for name, each in examples.items()})

    assert invalid - BEYOND_A_SCHEMA == refused(EVENT, files)


# Each of these in every field. Not a line break at the end, nor all white space: jsonschema's patterns are
# Python's, which differ there from ECMA-262's; the page says so.
_VALUES: tuple[Any, ...] = (
    *(None, True, 0, 7, 7.0, -1, 1.5, 1e18, 9.3e18, 2**63 - 1, 2**63, 10**40, [], {}, ["7"]),
    *("", " ", "x", "7", "7" * 30, "7" * 31, "-7", "\u0667", "a\tb", "\x7f", "a\u200b", "\u00a0\u3000"),
    *("x" * 1_000, "x" * 1_001, "x" * 1_025, "classroom", "Classroom", "1.0", EVENT_TYPE),
    *("2026-11-30", "2026-02-30", "0000-01-01", "2026-11-30T00:00", "2026-11-30T10:00:00+05:30"),
    *("2026-02-30T10:00:00Z", "2026-11-30T24:00:00Z", "2026-11-30T23:59:60Z", "2026-11-30t10:00:00.0z"),
    *(
        "2026-11-30T10:00:00",
        "2026-11-30T10:00:00+24:00",
        "2026-11-30 10:00:00Z",
        "2026-11-30T10:00:00-00:00",
    ),
)


@pytest.mark.parametrize("path", EVENT_PATHS, ids="/".join)
def test_a_schema_and_we_agree(path: tuple[str, ...]) -> None:
    """Field by field: what one takes the other takes, but for what no schema can say."""
    validator = Draft202012Validator(read_json(EVENT), format_checker=FormatChecker())
    for value in (*_VALUES, ...):
        event: Any = full_event()
        place = event
        for step in path[:-1]:
            place = place[step]
        if value is ...:
            del place[path[-1]]
        else:
            place[path[-1]] = value
        reading = read_structured(json.dumps(event).encode(), KOLKATA, math.inf, maps=False)

        assert isinstance(reading, Event) == validator.is_valid(event), value


def test_the_pages_events_are_valid(tmp_path: Path) -> None:
    """Every event and every data in the README and on the publishers' page."""
    events, data = {}, {}
    for page in (ROOT / "README.md", ROOT / "docs" / "publishers.md"):
        for number, block in enumerate(
            re.findall(r"^```json\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)
        ):
            found = json.loads(block)
            if "specversion" in found:
                events[f"{page.stem}-{number}"] = found
            elif "sessionId" in found:
                data[f"{page.stem}-{number}"] = found

    assert {"README"} <= {name.partition("-")[0] for name in events}
    assert {"publishers"} <= {name.partition("-")[0] for name in data}
    assert set() == refused(EVENT, _written(tmp_path, events))
    assert set() == refused(DATA, _written(tmp_path, data))

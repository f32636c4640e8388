"""`session-consumer event validate|publish|example|schema`."""

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from consumer.cli import exit_codes
from consumer.cli.accounts import the_account_option
from consumer.cli.event_files import Summary, check_files, write_findings
from consumer.cli.event_publish import files_argument, publish_command, time_zone_option
from consumer.cli.failures import exit_codes_from_errors
from consumer.cli.rows import Row, output_option, write_rows
from consumer.events.examples import invalid_examples, valid_examples
from schemas import asyncapi
from schemas.catalogue import CATALOGUE, json_schema, read_json

_ASYNCAPI = "asyncapi"


@click.group()
def event() -> None:
    """Check, publish and explain events."""


event.add_command(publish_command)


@event.command(short_help="Say what is wrong with events.")
@files_argument
@time_zone_option
@the_account_option
@output_option
def validate(files: tuple[str, ...], time_zone: str | None, account: str | None, output_format: str) -> None:
    """Say what is wrong with events, in the words of their dead letters.

    A FILE holds one event, an array or JSON lines; each event is whole (structured mode) or its bare
    data. "-" is standard input. Problems are lines of FILE:LINE /pointer problem.

    Exit codes: 0 all valid, 1 problems found, 2 usage or settings.
    """
    summary = Summary()
    with exit_codes_from_errors():
        checked, _ = check_files(files, time_zone, account)
    write_findings(summary.counting(checked), output_format)
    summary.tell(files)
    if summary.bad:
        raise click.exceptions.Exit(exit_codes.FINDINGS)


@event.command()
@click.argument("name", metavar="[NAME]", default="full")
@click.option("--invalid", metavar="NAME", help="An event with a fault, for trying things out.")
@click.option("--list", "lists", is_flag=True, help="List the examples, valid and invalid.")
@output_option
def example(name: str, invalid: str | None, lists: bool, output_format: str) -> None:  # noqa: FBT001
    """Print an example: a whole event, as in structured mode.

    Id and time are new each time, so that it can be published again.
    """
    if lists:
        write_rows(_example_rows(), output_format, _EXAMPLE_TABLE)
        return
    if invalid is None:
        found = _chosen(name, valid_examples(), "NAME")
        click.echo(_text(_renewed(found)))
        return
    found = _chosen(invalid, invalid_examples(), "--invalid")
    click.echo(f"{found['why']} Its dead letter ({found['error_class']}) says:\n{found['message']}", err=True)
    click.echo(found["value"] if "value" in found else _text(_renewed(found["event"])))


@event.command()
@click.argument("name", metavar="[NAME]", type=click.Choice([*CATALOGUE, _ASYNCAPI]), default="event")
def schema(name: str) -> None:
    """Print a JSON Schema (2020-12), or all of them as an AsyncAPI 3.0 document.

    \b
    event              the whole event, as in structured mode (the default)
    data               its data: the value of a record in binary mode
    session-data       what Zoho gets
    dead-letter        the headers of a dead letter
    replay             the headers of a replay
    outcome            what became of an event
    dead-letter-state  what became of a dead letter
    asyncapi           topics, messages and who sends them
    """
    click.echo(_text(read_json(asyncapi.DOCUMENT) if name == _ASYNCAPI else json_schema(name)))


def _chosen(name: str, examples: Mapping[str, dict[str, Any]], hint: str) -> dict[str, Any]:
    if name not in examples:
        raise click.BadParameter(f"there is no example {name!r}; see --list.", param_hint=hint)
    return examples[name]


def _renewed(found: dict[str, Any]) -> dict[str, Any]:
    """With a new id and the present time, where these are not what the example is about."""
    sample = valid_examples()["full"]
    new = {"id": str(uuid.uuid4()), "time": datetime.now(UTC).isoformat(timespec="seconds")}
    return found | {key: value for key, value in new.items() if found.get(key) == sample[key]}


def _example_rows() -> Sequence[Row]:
    valid = [
        {"name": name, "valid": True, "error_class": None, "why": None, "message": None}
        for name in valid_examples()
    ]
    invalid = [
        {"name": name, "valid": False} | {key: each[key] for key in ("error_class", "why", "message")}
        for name, each in invalid_examples().items()
    ]
    return [*valid, *invalid]


def _text(content: Any) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False)


_EXAMPLE_TABLE = {
    "NAME": lambda row: row["name"],
    "CLASS": lambda row: row["error_class"] or "valid",
    "WHY": lambda row: row["why"] or "",
}

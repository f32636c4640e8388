"""`session-consumer dlq show`."""

import asyncio
import base64
import json
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

import click

from consumer.cli import exit_codes
from consumer.cli.accounts import account_option
from consumer.cli.dlq.reading import load_accounts
from consumer.cli.dlq.show_text import lines_of
from consumer.cli.event_files import event_rules
from consumer.cli.failures import exit_codes_from_errors
from consumer.cli.rows import one_line, output_option, write_rows
from consumer.dlq.dossier import Dossier
from consumer.dlq.dossier_reading import Search, Wanted, read_dossier, search
from consumer.dlq.event_view import view_event
from consumer.dlq.rows import row
from consumer.events.headers import find_mode
from consumer.events.model import Event, OtherType
from consumer.events.reading import read_record
from consumer.events.trace_context import trace_in_event
from consumer.events.zones import load_zone
from consumer.records import Record
from consumer.runbook import advice
from consumer.settings import SettingsError, TopicSettings, load_event_settings


def _wanted(_: click.Context, __: click.Parameter, text: str) -> Wanted:
    try:
        return Wanted.parse(text)
    except ValueError as exc:
        raise click.BadParameter(f"{exc}, as `dlq list` says it.") from None


@click.command(short_help="Show all there is to know of one dead letter.")
@click.argument("wanted", metavar="ID", callback=_wanted)
@account_option
@output_option
def show(*, wanted: Wanted, account: str | None, output_format: str) -> None:
    """Show all there is to know of one dead letter.

    ID is TOPIC:PARTITION:OFFSET, where its record was first read, or PARTITION:OFFSET where one topic alone
    has such a one. Shown are: where it stands, whose fault it is and what to do next; the event with its
    faults, and what it would become in Zoho (needs CONSUMER_ZOHO_TIME_ZONE); what happened to it, and to
    its session since.

    Exit codes: 0 done, 1 not found, 2 settings or options, 3 Kafka can't be reached, 4 refused.
    """
    with exit_codes_from_errors():
        settings = load_accounts(account)
        dossier = asyncio.run(_find(settings, wanted))
    found = _object(dossier)
    if output_format == "table":
        for line in lines_of(found, dossier, time.time()):
            click.echo(line)
    elif output_format == "json":
        click.echo(json.dumps(found, indent=2))
    else:
        write_rows([found], output_format, {})


async def _find(settings: TopicSettings, wanted: Wanted) -> Dossier:
    """The one that is meant; ends the command where there is none, or several."""
    searches = await search(settings.kafka, settings.accounts, wanted)
    found = [(each, copies) for each in searches for copies in each.copies.values()]
    if len(found) > 1:
        several = ", ".join(sorted({name for each in searches for name in each.copies}))
        raise click.UsageError(
            one_line(f"ID: there are several, say which one in full or --account: {several}.")
        )
    dossier = await read_dossier(settings.kafka, found[0][0].names, found[0][1]) if found else None
    if dossier is None:
        _tell_near(searches)
        raise click.exceptions.Exit(exit_codes.FINDINGS)
    return dossier


def _tell_near(searches: Sequence[Search]) -> None:
    click.echo("Not found: no such dead letter, or it is older than what the topic keeps.", err=True)
    near = [place[1] for each in searches for place in (each.before, each.after) if place is not None]
    if near:
        click.echo(one_line(f"Near it: {', '.join(near)}."), err=True)


def _object(dossier: Dossier) -> dict[str, Any]:
    """All of it for programs: the fields of `dlq list`, and more."""
    letter, record = dossier.letter, dossier.record
    fault, next_step, page = advice(letter.error_class)
    view = view_event(record)
    trace = find_mode(record.headers).trace or trace_in_event(view.event or {})
    session_data, why_not = _session_data(record, dossier.account)
    applied = [each["applied"] for each in dossier.outcomes if isinstance(each.get("applied"), dict)]
    return {
        **row(letter, dossier.standing),
        "fault": fault,
        "next_step": next_step,
        "runbook": page,
        "zoho_message": letter.zoho_message,
        "event_time": letter.event_time,
        "trace_id": None if trace is None else trace.trace_id,
        "event_mode": view.mode,
        "event": view.event,
        "event_problem": view.problem,
        "record": _record(record, is_readable=view.event is not None),
        "session_data": session_data,
        "session_data_problem": why_not,
        "history": dossier.history(),
        "session_since": {
            "applied": max(applied, key=lambda each: str(each.get("at", "")), default=None),
            "outcomes": dossier.outcomes,
            "open_dead_letters": [row(*each) for each in dossier.others()],
        },
    }


def _record(record: Record, *, is_readable: bool) -> dict[str, Any]:
    """As it was first read; bytes that are no UTF-8 are shown with replacements, the value also in base64."""
    value = record.value
    return {
        "timestamp_ms": record.timestamp_ms,
        "key": _text(record.key),
        "headers": [
            [_text(name.encode(errors="replace")), _text(content)] for name, content in record.headers
        ],
        "value_bytes": None if value is None else len(value),
        "value_base64": None if value is None or is_readable else base64.b64encode(value).decode(),
    }


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else raw.decode(errors="replace")


def _session_data(record: Record, account: str) -> tuple[Mapping[str, str] | None, str | None]:
    """What Zoho would be sent for it by the present settings, or a sentence that says why nothing."""
    try:
        settings = load_event_settings(os.environ, account)
    except SettingsError as exc:
        return None, f"The settings can't be used: {exc.problems[0]}"
    if settings.zoho_time_zone is None:
        return None, "CONSUMER_ZOHO_TIME_ZONE is not set: dates can't be told without the portal's zone."
    reading = read_record(record, event_rules(settings, load_zone(settings.zoho_time_zone)), time.time())
    if isinstance(reading, Event):
        return reading.session_data, None
    if isinstance(reading, OtherType):
        return None, "It is of another type, which CONSUMER_OTHER_EVENT_TYPES has skipped."
    return None, reading.message

"""`session-consumer status`: how the accounts stand, and what became of an event or a session."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence

import click

from consumer import runbook
from consumer.cli import exit_codes
from consumer.cli.accounts import account_option
from consumer.cli.failures import exit_codes_from_errors
from consumer.cli.outcome_rows import SESSION_TABLE, describe, last_applied
from consumer.cli.outcome_rows import row as outcome_row
from consumer.cli.rows import Row, output_option, write_rows
from consumer.cli.running import ACCOUNT_TABLE, NoAnswerError, account_rows, read_status
from consumer.delivery.gate import AccountState
from consumer.delivery.outcome import session_of
from consumer.events.model import SessionKey
from consumer.kafka.outcome_lookup import Found, outcomes_of_event, outcomes_of_session
from consumer.settings import KafkaSettings, load_http_port, load_topic_settings
from consumer.telemetry import configure_logging

_Look = Callable[[KafkaSettings, str], Awaitable[list[Found]]]


def _session(_: click.Context, __: click.Parameter, text: str | None) -> SessionKey | None:
    if text is None:
        return None
    try:
        return SessionKey(*session_of(text.encode()).split("/"))
    except ValueError:
        raise click.BadParameter("must be COURSE/BATCH/MODULE/SESSION, each 1 to 30 digits.") from None


@click.command(short_help="Show the accounts' state, or what became of an event.")
@click.option(
    "--event", nargs=2, metavar="SOURCE ID", help="What became of this event; all outcomes are searched."
)
@click.option(
    "--session",
    callback=_session,
    metavar="COURSE/BATCH/MODULE/SESSION",
    help="All of a session; --event says more.",
)
@click.option(
    "--url",
    metavar="URL",
    help="Where the consumer answers [default: http://127.0.0.1:CONSUMER_HTTP_PORT].",
)
@account_option
@output_option
def status(
    *,
    event: tuple[str, str] | None,
    session: SessionKey | None,
    url: str | None,
    account: str | None,
    output_format: str,
) -> None:
    """Show how the accounts of a running consumer stand: state, quota, backlog, lag.

    With --event or --session: what became of it, from the outcomes topic (needs CONSUMER_KAFKA_… and no
    running consumer).

    Exit codes: 0 done, 1 not found, 2 settings or options, 3 the consumer or Kafka can't be reached,
    4 refused.
    """
    configure_logging("console", "error")
    if event is not None and session is not None:
        raise click.UsageError("--event and --session: give one of them.")
    if event is None and session is None:
        _show_accounts(url, account, output_format)
        return
    if url is not None:
        raise click.UsageError("--url: outcomes come from Kafka, not from a running consumer.")
    if session is not None:
        rows = _look(account, lambda kafka, topic: outcomes_of_session(kafka, topic, session))
    else:
        source, event_id = event or ("", "")
        rows = _look(account, lambda kafka, topic: outcomes_of_event(kafka, topic, source, event_id))
    if event is not None and output_format == "table":
        for number, row in enumerate(rows):
            click.echo("\n" * bool(number) + "\n".join(describe(row)))
    elif rows or output_format == "json":
        write_rows(rows, output_format, SESSION_TABLE)
    if not rows:
        click.echo(
            "Not found: it waits, was unreadable, or is older than what is kept.",
            err=True,
        )
        raise click.exceptions.Exit(exit_codes.FINDINGS)
    if session is not None:
        click.echo(last_applied(rows), err=True)


def _show_accounts(url: str | None, account: str | None, output_format: str) -> None:
    with exit_codes_from_errors():
        port = load_http_port(os.environ) if url is None else 0
    if url is None and port == 0:
        raise click.UsageError("--url is missing: CONSUMER_HTTP_PORT is 0, so any port may have been taken.")
    try:
        rows = account_rows(read_status(url or f"http://127.0.0.1:{port}"))
    except ValueError as exc:
        raise click.UsageError(f"--url: {exc}") from None
    except NoAnswerError as exc:
        click.echo(f"Error: {exc}", err=True)
        raise click.exceptions.Exit(exit_codes.UNREACHABLE) from None
    if account is not None:
        rows = [row for row in rows if row["account"] == account]
        if not rows:
            click.echo(f"The consumer serves no account {account}.", err=True)
            raise click.exceptions.Exit(exit_codes.FINDINGS)
    write_rows(rows, output_format, ACCOUNT_TABLE)
    for row in rows:
        if row["reason"]:
            click.echo(f"{row['account']} is {row['state']}: {row['reason']}", err=True)
        if row["state"] in runbook.PAGES and row["state"] != AccountState.RUNNING:
            click.echo(f"  What to do: {runbook.url(row['state'])}", err=True)


def _look(account: str | None, look: _Look) -> Sequence[Row]:
    """The outcomes that `look` finds in the topics of all accounts, or of one."""
    with exit_codes_from_errors():
        settings = load_topic_settings(os.environ, account)
        for warning in settings.warnings:
            click.echo(f"Warning: {warning}", err=True)
        return [
            outcome_row(names.name, found)
            for names in settings.accounts
            for found in asyncio.run(_awaited(look(settings.kafka, names.outcomes_topic)))
        ]


async def _awaited(found: Awaitable[list[Found]]) -> list[Found]:
    return await found

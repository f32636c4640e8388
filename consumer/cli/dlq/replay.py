"""`session-consumer dlq replay`: a plan, a question, then the replays and what became of each."""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from consumer.cli import exit_codes
from consumer.cli.accounts import the_account_option
from consumer.cli.dlq.options import selection_of, selection_options, short_text
from consumer.cli.dlq.replay_plan import Shown, ask_consumer, write_plan, write_plan_rows
from consumer.cli.dlq.replay_prepare import Request, prepare
from consumer.cli.dlq.replay_run import Manner, Operation, Prepared
from consumer.cli.event_files import counted
from consumer.cli.failures import exit_codes_from_errors
from consumer.cli.rows import output_option
from consumer.kafka.connection import KafkaRefusedError, KafkaUnreachableError
from consumer.settings import load_http_port, load_replay_settings
from consumer.telemetry import configure_logging


@click.command(short_help="Replay dead letters within the quota: a plan first.")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@selection_options
@click.option("--resume", metavar="RUN", help="Go on with a run that was interrupted, from any machine.")
@click.option("--value", "file", metavar="FILE", help="Send this mended event instead of the one ID's.")
@click.option(
    "--from",
    "directory",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Those of an export's directory, with the values that were mended there.",
)
@click.option("--limit", metavar="N", type=click.IntRange(1), help="The N oldest of them.")
@click.option(
    "--canary",
    metavar="N",
    type=click.IntRange(0),
    help="N first; the rest only if all of these are applied.",
)
@click.option(
    "--max-replays",
    metavar="N",
    type=click.IntRange(1),
    help="None that was replayed N times before [default: 3].",
)
@click.option(
    "--force",
    is_flag=True,
    help="Also what would fail again as it is, mended ones with another session, time or revision, "
    "and, by ID or --state replaying, a replay that was lost.",
)
@click.option("--reason", metavar="TEXT", callback=short_text, help="Why; kept with the run.")
@click.option("--by", metavar="WHO", callback=short_text, help="Who [default: USER@HOST].")
@click.option("--dry-run", is_flag=True, help="The plan alone.")
@click.option("-y", "--yes", is_flag=True, help="Don't ask; needed where there is no terminal.")
@click.option(
    "--wait/--no-wait", "waits", default=True, help="Wait for what becomes of each [default: wait]."
)
@click.option(
    "--timeout",
    "timeout_seconds",
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True),
    default=3_600.0,
    show_default=True,
    help="How long to wait.",
)
@click.option(
    "--url",
    metavar="URL",
    help="Where the consumer answers, for the plan [default: http://127.0.0.1:CONSUMER_HTTP_PORT].",
)
@the_account_option
@output_option
def replay(
    *,
    ids: tuple[str, ...],
    resume: str | None,
    file: str | None,
    directory: Path | None,
    limit: int | None,
    canary: int | None,
    max_replays: int | None,
    force: bool,
    reason: str | None,
    by: str | None,
    dry_run: bool,
    yes: bool,
    waits: bool,
    timeout_seconds: float,
    url: str | None,
    account: str | None,
    output_format: str,
    **filters: Any,
) -> None:
    """Send dead letters again, on the account's replay topic: by ID, by filters, or an interrupted run's.

    Shows a plan first, asks, sends them oldest first and waits for what becomes of each. The consumer
    keeps to the quota, live events go first, and no replay undoes a newer change. Ctrl+C ends the
    waiting, not what was sent.

    Exit codes: 0 all applied or superseded, 1 some failed, were not sent or still wait, 2 usage or
    settings, 3 Kafka can't be reached, 4 refused, 130 interrupted.
    """
    configure_logging("console", "error")
    selection = selection_of(filters, tuple(dict.fromkeys(ids)))
    request = Request(selection, resume, file, directory, limit, canary, max_replays, force, reason, by)
    _check(request)
    if not dry_run and not yes and not _asks():
        raise click.UsageError("--yes is missing: there is no terminal to ask on.")
    with exit_codes_from_errors():
        settings = load_replay_settings(os.environ, account)
        for warning in settings.warnings:
            click.echo(f"Warning: {warning}", err=True)
        url = url or _default_url()
        prepared, canary_size = asyncio.run(prepare(settings, request))
        if canary_size and not waits:
            raise click.UsageError("--no-wait: a canary is waited for; say --canary 0 to do without.")
        _show(prepared, url, dry_run=dry_run, output_format=output_format)
        if dry_run:
            return
        _ask(prepared, waits=waits, yes=yes)
        manner = Manner(
            canary_size,
            waits,
            timeout_seconds,
            output_format,
            url,
            _how_to_go_on(prepared, account, request),
        )
        code = _carry_out(Operation(prepared, manner))
    if code:
        raise click.exceptions.Exit(code)


def _check(request: Request) -> None:
    """UsageError for what doesn't go together."""
    given = not request.selection.is_everything
    if request.resume is not None:
        if given or request.limit is not None or request.file or request.max_replays or request.force:
            raise click.UsageError(
                "--resume goes on with what the run was to replay: no ids, filters, --value, --limit, "
                "--max-replays or --force beside it."
            )
        return
    if not given and request.directory is None:
        raise click.UsageError(
            "Say which dead letters: ids, or filters such as --class; --state open means all that are open."
        )
    if request.directory is not None and request.selection.ids:
        raise click.UsageError("--from brings its own ids: give none beside it.")
    if request.file is not None and (len(request.selection.ids) != 1 or request.directory is not None):
        raise click.UsageError("--value is one dead letter's event: give exactly one ID with it.")


def _asks() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _default_url() -> str | None:
    port = load_http_port(os.environ)
    return f"http://127.0.0.1:{port}" if port else None


def _show(prepared: Prepared, url: str | None, *, dry_run: bool, output_format: str) -> None:
    account = prepared.settings.account
    shown = Shown(
        prepared.plan,
        prepared.settings,
        prepared.picture.live.in_window(account.quota_window_seconds),
        ask_consumer(url, account.name),
    )
    if dry_run and output_format != "table":
        write_plan_rows(shown, prepared.picture.register, output_format)
    else:
        write_plan(shown, err=not dry_run)


def _ask(prepared: Prepared, *, waits: bool, yes: bool) -> None:
    """Ends the command where there is nothing to do, or the answer is no."""
    plan = prepared.plan
    if not plan.items:
        under_way = prepared.former is not None and waits
        click.echo("Nothing is left to send." if prepared.former else "Nothing to replay.", err=True)
        if not under_way:
            raise click.exceptions.Exit(exit_codes.FINDINGS if plan.unknown else exit_codes.DONE)
    elif not yes and not click.confirm(f"Replay {counted(len(plan.items), 'dead letter')}?", err=True):
        click.echo("Nothing was sent.", err=True)
        raise click.exceptions.Exit(exit_codes.FINDINGS)


def _how_to_go_on(prepared: Prepared, account: str | None, request: Request) -> str:
    words: Mapping[str, str | None] = {
        "--account": account,
        "--from": None if request.directory is None else str(request.directory),
        "--canary": "0" if request.canary else None,
    }
    said = "".join(f" {name} {value}" for name, value in words.items() if value is not None)
    return f"session-consumer dlq replay --resume {prepared.sheet.run_id}{said}"


def _carry_out(operation: Operation) -> int:
    try:
        code = asyncio.run(operation.carry_out())
    except KeyboardInterrupt:
        click.echo("\nInterrupted.", err=True)
        operation.tell(interrupted=True)
        return exit_codes.INTERRUPTED
    except (KafkaUnreachableError, KafkaRefusedError):
        if operation.sent:
            operation.tell()
        raise
    operation.tell()
    return code

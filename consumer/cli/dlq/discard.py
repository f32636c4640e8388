"""`session-consumer dlq discard`."""

import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

import click

from consumer.cli import exit_codes
from consumer.cli.accounts import account_option
from consumer.cli.dlq.chosen import Chosen, counted, full_ids, read_chosen, tell_unknown
from consumer.cli.dlq.options import selection_of, selection_options, short_text, whoami
from consumer.cli.dlq.reading import load_accounts
from consumer.cli.dlq.words import own_topics, short_id
from consumer.cli.failures import exit_codes_from_errors
from consumer.cli.rows import Row, one_line, output_option, write_rows
from consumer.delivery.dead_letter_state import StateChange
from consumer.dlq.discarding import discarded, reopened
from consumer.dlq.reading import WITHIN_SECONDS
from consumer.kafka.state_writer import write_states
from consumer.settings import TopicSettings

# So many are named one by one before the question.
_NAMED = 10
Planned = tuple[Chosen, StateChange]


def _reason(context: click.Context, option: click.Parameter, text: str) -> str:
    if not text.strip():
        raise click.BadParameter("must say why.")
    return short_text(context, option, text) or text


@click.command("discard", short_help="Settle dead letters that need no replay.")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option(
    "--reason", required=True, metavar="TEXT", callback=_reason, help="Why; kept with the dead letter."
)
@click.option("--undo", is_flag=True, help="Open again those that were discarded; by ID alone.")
@selection_options
@click.option("--by", metavar="WHO", callback=short_text, help="Who wants it [default: user@host].")
@click.option("--force", is_flag=True, help="Those that are being replayed, too: that replay is lost.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@account_option
@output_option
def discard(
    *,
    ids: tuple[str, ...],
    reason: str,
    undo: bool,
    by: str | None,
    force: bool,
    yes: bool,
    dry_run: bool,
    account: str | None,
    output_format: str,
    **filters: Any,
) -> None:
    """Settle dead letters that need no replay: their state becomes `discarded`, and they are no longer open.

    ID is TOPIC:PARTITION:OFFSET, or with one account PARTITION:OFFSET. Filters alone mean those that are
    open. The records stay in the topic until its retention takes them.

    Exit codes: 0 done, 1 some were refused or unknown, or the answer was no, 2 settings or options,
    3 Kafka can't be reached, 4 refused.
    """
    filtered = not selection_of(filters).is_everything
    _check_usage(ids, filtered=filtered, undo=undo, unasked=yes or dry_run)
    with exit_codes_from_errors():
        settings = load_accounts(account)
        ids = full_ids(ids, settings)
        if not ids and not filters["states"]:
            filters["states"] = ("open",)
        found = read_chosen(settings, selection_of(filters, ids), needs_replays=True)
        refused = tell_unknown(ids, found, filtered=filtered)
        planned, told = _plan(
            found, reopened if undo else partial(discarded, force=force), by or whoami(), reason
        )
        refused += told
        if planned:
            _tell_plan(planned, own_topics(settings), undo=undo)
            if dry_run:
                click.echo("Dry run: nothing was changed.", err=True)
                _write(settings, [change for _, change in planned], planned, output_format)
            elif yes or _answer_is_yes():
                _carry_out(settings, planned, output_format, undo=undo)
            else:
                click.echo("Nothing was changed.", err=True)
                refused += 1
        elif not refused:
            click.echo("No open dead letters fit.", err=True)
    if refused:
        raise click.exceptions.Exit(exit_codes.FINDINGS)


def _check_usage(ids: Sequence[str], *, filtered: bool, undo: bool, unasked: bool) -> None:
    if not ids and not filtered:
        raise click.UsageError("Say which: IDs, or filters such as --class, --session, --until.")
    if undo and (not ids or filtered):
        raise click.UsageError("--undo takes IDs, and no filters.")
    if not ids and not unasked and not _is_asked():
        raise click.UsageError(
            "With filters and nobody to ask, --yes is needed; --dry-run shows what it does."
        )


def _is_asked() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _answer_is_yes() -> bool:
    return not _is_asked() or click.confirm("Go on?", err=True)


def _plan(
    found: Sequence[Chosen], judge: Callable[..., StateChange | str], by: str, reason: str
) -> tuple[list[Planned], int]:
    """What is to be written, and how many were refused with a sentence."""
    planned, refused, at = [], 0, time.time()
    for each in found:
        judged = judge(each.letter, each.standing, by=by, reason=reason, at=at)
        if isinstance(judged, StateChange):
            planned.append((each, judged))
        else:
            click.echo(one_line(f"{each.letter.id} {judged}"), err=True)
            refused += 1
    return planned, refused


def _tell_plan(planned: Sequence[Planned], topics: Collection[str], *, undo: bool) -> None:
    what = "Opens again" if undo else "Discards"
    click.echo(f"{what} {counted(len(planned))}:", err=True)
    if len(planned) <= _NAMED:
        for each, _ in planned:
            short = short_id(each.letter.id, topics)
            text = f"  {short}  {each.letter.error_class}: {each.letter.message}"
            click.echo(_cut(one_line(text)), err=True)
        return
    for error_class, number in Counter(each.letter.error_class for each, _ in planned).most_common():
        click.echo(one_line(f"  {number:>9,}  {error_class}"), err=True)


def _cut(text: str) -> str:
    width = os.get_terminal_size(sys.stderr.fileno()).columns if sys.stderr.isatty() else 200
    return text if len(text) <= width else text[: width - 1] + "…"


def _carry_out(
    settings: TopicSettings, planned: Sequence[Planned], output_format: str, *, undo: bool
) -> None:
    written: list[StateChange] = []
    try:
        asyncio.run(_write_all(settings, planned, written))
    finally:
        _write(settings, written, planned, output_format)
        rest = "" if len(written) == len(planned) else f" of {len(planned):,}; give the command again"
        what = "open again" if undo else "discarded"
        click.echo(f"{counted(len(written))}{rest} {what}.", err=True)


async def _write_all(settings: TopicSettings, planned: Sequence[Planned], written: list[StateChange]) -> None:
    for names in settings.accounts:
        own = [change for each, change in planned if each.names == names]
        if own:
            changes = write_states(settings.kafka, names.outcomes_topic, own, within_seconds=WITHIN_SECONDS)
            async for change in changes:
                written.append(change)  # noqa: PERF401  (what was written before an error counts too)


def _write(
    settings: TopicSettings,
    changes: Sequence[StateChange],
    planned: Sequence[Planned],
    output_format: str,
) -> None:
    topics = own_topics(settings)
    classes = {change.dead_letter_id: each.letter.error_class for each, change in planned}
    rows = [
        {
            "id": change.dead_letter_id,
            "class": classes[change.dead_letter_id],
            "state": change.state,
            "reason": change.reason,
        }
        for change in changes
    ]
    if rows or output_format == "json":
        write_rows(rows, output_format, {"ID": lambda row: short_id(row["id"], topics), **_TABLE})


_TABLE: dict[str, Callable[[Row], str]] = {
    "CLASS": lambda row: row["class"],
    "STATE": lambda row: row["state"],
    "REASON": lambda row: row["reason"] or "",
}

"""`session-consumer dlq list`."""

import asyncio
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from consumer.cli.accounts import account_option
from consumer.cli.dlq.options import selection_of, selection_options
from consumer.cli.dlq.reading import (
    Found,
    load_accounts,
    read_all_standings,
    read_newest_registers,
    read_registers,
    tell_oddities,
    wanted,
)
from consumer.cli.dlq.words import age, own_topics, short_id, what_went_wrong
from consumer.cli.failures import exit_codes_from_errors
from consumer.cli.progress import Progress
from consumer.cli.rows import Row, output_option, table_lines, write_rows
from consumer.dlq.letter import Letter
from consumer.dlq.register import Register
from consumer.dlq.rows import row
from consumer.dlq.selection import Selection
from consumer.settings import TopicSettings

# On a terminal, where no --limit is given.
ROWS_ON_A_TERMINAL = 100
ROWS_TOGETHER = 1_000
# A partition's dead letters stand in the order in which they failed, but for clocks that differ between
# its owners: so many more are read than are wanted.
BEYOND = 100
_SORTS: Mapping[str, Callable[[Letter], Any]] = {
    "newest": lambda letter: (-letter.failed_at_seconds, letter.id),
    "oldest": lambda letter: (letter.failed_at_seconds, letter.id),
    "class": lambda letter: (letter.error_class, -letter.failed_at_seconds, letter.id),
    "session": lambda letter: (letter.session or "", letter.failed_at_seconds, letter.id),
}


@click.command(name="list", short_help="List dead letters: which, why, and where they stand.")
@selection_options
@click.option(
    "--sort",
    type=click.Choice(list(_SORTS)),
    default="newest",
    show_default=True,
    help="By when it failed; class: then the newest first; session: then the oldest first.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"So many rows at most [default: all of them; in a table on a terminal {ROWS_ON_A_TERMINAL}].",
)
@account_option
@output_option
def list_command(
    *, sort: str, limit: int | None, account: str | None, output_format: str, **filters: Any
) -> None:
    """List dead letters: which, why, and where they stand. A copy written twice is one row.

    All that is given has to fit; of an option that is repeated, one of its values. ID is PARTITION:OFFSET
    of the record that failed, as `dlq show` takes it; AGE is the time since it failed.

    Exit codes: 0 done (found or not), 2 settings or options, 3 Kafka can't be reached, 4 refused.
    """
    selection = selection_of(filters)
    with exit_codes_from_errors():
        settings = load_accounts(account)
        asyncio.run(_list(settings, selection, sort, limit, output_format))


async def _list(
    settings: TopicSettings, selection: Selection, sort: str, limit: int | None, output_format: str
) -> None:
    table = _table(settings)
    on_terminal = output_format == "table" and sys.stdout.isatty()
    limit = limit or (ROWS_ON_A_TERMINAL if on_terminal else None)
    newest: list[Register] = []
    preview = 0
    if sort == "newest" and limit is not None and not selection.states:
        newest = await read_newest_registers(settings, selection, limit + BEYOND)
        # Their states are not known yet, and are written over these rows once they are.
        preview = _show_newest(newest, table, limit) if on_terminal and _can_go_up() else 0
    if limit is not None and (there := sum(map(len, newest))) >= limit:
        registers, some = newest, await _stand(settings, newest, limit)
        left_out = f"The {limit:,} newest" if limit < there else None
    else:
        registers = await read_registers(settings, selection, Progress())
        found = sorted(wanted(registers, selection), key=lambda each: _SORTS[sort](each.letter))
        some = found[:limit]
        left_out = f"{len(some):,} of {len(found):,}" if len(some) < len(found) else None
    if preview:
        click.echo(f"\x1b[{preview}A\r\x1b[J", nl=False)
    if some or output_format == "json":
        write_rows((row(*each) for each in some), output_format, table, together=ROWS_TOGETHER)
    tell_oddities(settings, registers)
    if left_out is not None:
        click.echo(f"{left_out}; --limit N shows more, `dlq stats` counts all.", err=True)
    if not some:
        click.echo(f"No dead letters{'' if selection.is_everything else ' that fit'}.", err=True)


async def _stand(settings: TopicSettings, newest: Sequence[Register], limit: int) -> list[Found]:
    """The newest ones of these registers and how they stand, which alone is read."""
    letters = sorted((each for register in newest for each in register), key=_SORTS["newest"])[:limit]
    for register in newest:
        register.keep_only([each for each in letters if register.letters.get(each.id) is each])
    await read_all_standings(settings, newest)
    found = [Found(letter, register.standing(letter)) for register in newest for letter in register]
    return sorted(found, key=lambda each: _SORTS["newest"](each.letter))


def _can_go_up() -> bool:
    return os.environ.get("TERM") != "dumb"


def _show_newest(registers: Sequence[Register], table: Mapping[str, Callable[[Row], str]], limit: int) -> int:
    """Write a page of the newest ones with their state left open; gives how many lines that took."""
    found = [Found(letter, register.standing(letter)) for register in registers for letter in register]
    if not found:
        return 0
    found.sort(key=lambda each: _SORTS["newest"](each.letter))
    page = min(limit, max(1, shutil.get_terminal_size().lines - 4))
    lines = list(table_lines([{**row(*each), "state": "…"} for each in found[:page]], table))
    for line in lines:
        click.echo(line)
    return len(lines)


def _table(settings: TopicSettings) -> Mapping[str, Callable[[Row], str]]:
    """Columns for 80 characters: what went wrong is last, since it is cut."""
    now = time.time()
    topics = own_topics(settings)
    columns: dict[str, Callable[[Row], str]] = {}
    if len(settings.accounts) > 1:
        columns["ACCOUNT"] = lambda row: row["account"]
    return {
        **columns,
        "ID": lambda row: short_id(row["id"], topics),
        "CLASS": lambda row: row["class"],
        "STATE": lambda row: row["state"],
        "AGE": lambda row: age(row["failed_at"], now),
        "SESSION": lambda row: (row["session"] or "-").rpartition("/")[2],
        "WHAT WENT WRONG": what_went_wrong,
    }

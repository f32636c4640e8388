"""`session-consumer dlq stats`."""

import asyncio
import json
import time
from typing import Any

import click

from consumer.cli.accounts import account_option
from consumer.cli.dlq.options import selection_of, selection_options
from consumer.cli.dlq.reading import load_accounts, read_registers, tell_oddities, wanted
from consumer.cli.dlq.stats_text import lines_of
from consumer.cli.dlq.words import own_topics
from consumer.cli.failures import exit_codes_from_errors
from consumer.cli.progress import Progress
from consumer.cli.rows import output_option, write_rows
from consumer.dlq.stats import Stats

MAX_HOURS = 30 * 24


@click.command(short_help="The picture at a glance, and what to do next.")
@selection_options
@click.option(
    "--hours",
    type=click.IntRange(1, MAX_HOURS),
    default=24,
    show_default=True,
    metavar="N",
    help="Tell how many failed in each of the last N hours.",
)
@account_option
@output_option
def stats(*, hours: int, account: str | None, output_format: str, **filters: Any) -> None:
    """Show how many dead letters there are, whose fault they are and what to do next.

    By class, publisher, account and hour, with the oldest that is open; a copy written twice counts once.
    The options that `dlq list` has say which ones count. As JSON it is one object; as JSON lines and CSV
    a row for each class.

    Exit codes: 0 done, 2 settings or options, 3 Kafka can't be reached, 4 refused.
    """
    selection = selection_of(filters)
    with exit_codes_from_errors():
        settings = load_accounts(account)
        registers = asyncio.run(read_registers(settings, selection, Progress()))
    found = Stats(time.time(), hours)
    found.add((each.letter, each.standing.state) for each in wanted(registers, selection))
    found.foreign = sum(register.foreign for register in registers)
    found.copies = sum(register.copies for register in registers)
    if output_format == "json":
        click.echo(json.dumps(found.to_object(), indent=2))
    elif output_format == "table":
        for line in lines_of(found, own_topics(settings), several=len(settings.accounts) > 1):
            click.echo(line)
    else:
        write_rows(found.class_rows(), output_format, {})
    tell_oddities(settings, registers)

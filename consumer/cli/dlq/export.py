"""`session-consumer dlq export`."""

import asyncio
import csv
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager, suppress
from itertools import groupby
from pathlib import Path
from typing import IO, Any

import click

from consumer.cli import exit_codes
from consumer.cli.accounts import account_option
from consumer.cli.dlq.chosen import Chosen, counted, full_ids, read_chosen, tell_unknown
from consumer.cli.dlq.options import selection_of, selection_options
from consumer.cli.dlq.reading import load_accounts
from consumer.cli.failures import exit_codes_from_errors
from consumer.cli.progress import Progress
from consumer.dlq.contents import flat_row_of, row_of
from consumer.dlq.files import Add, Exported, FilesError, write_directory
from consumer.dlq.reading import read_records
from consumer.dlq.redaction import redact
from consumer.dlq.rows import row
from consumer.settings import KafkaSettings


class _NothingError(Exception):
    """Nothing was found: no file is left behind."""


@click.command("export", short_help="Write dead letters to files.")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@selection_options
@click.option(
    "--as",
    "form",
    type=click.Choice(["jsonl", "csv", "directory"]),
    default="jsonl",
    show_default=True,
    help="Rows; or a folder for each with its bytes, for `dlq replay --from`.",
)
@click.option(
    "--to",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="A new file or directory [default: stdout].",
)
@click.option("--redact", "redacted", is_flag=True, help="Mask the contents, so that it can go in a ticket.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="The first N at most.")
@account_option
def export(
    *,
    ids: tuple[str, ...],
    form: str,
    to: Path | None,
    redacted: bool,
    limit: int | None,
    account: str | None,
    **filters: Any,
) -> None:
    """Write dead letters with their key, value and headers: all, those with these IDs, or those that fit.

    Rows are those of `dlq list`, and `key`, `value`, `headers`: text where it is UTF-8, else
    {"base64": "…"}; in CSV as base64 where key_form or value_form says so.

    What is exported is personal data, and readable by you alone. --redact masks texts (abc 123 becomes xxx
    999) and keeps structure, ids, and what went wrong.

    Exit codes: 0 done, 1 some IDs are unknown, 2 settings, options or files, 3 Kafka can't be reached,
    4 refused.
    """
    if form == "directory" and to is None:
        raise click.UsageError("--as directory needs --to DIRECTORY.")
    filtered = not selection_of(filters).is_everything
    with exit_codes_from_errors():
        settings = load_accounts(account)
        ids = full_ids(ids, settings)
        try:
            with _sink(form, to, redacted=redacted) as add:
                chosen = read_chosen(settings, selection_of(filters, ids))
                unknown = tell_unknown(ids, chosen, filtered=filtered)
                number = asyncio.run(_export(settings.kafka, chosen[:limit], add, redacted=redacted))
        except _NothingError:
            number = 0
        except FilesError as exc:
            click.echo(f"Error: {exc}", err=True)
            raise click.exceptions.Exit(exit_codes.USAGE) from None
    _tell(number, len(chosen), limit, to, redacted=redacted)
    if unknown:
        raise click.exceptions.Exit(exit_codes.FINDINGS)


async def _export(kafka: KafkaSettings, chosen: Sequence[Chosen], add: Add, *, redacted: bool) -> int:
    number = 0
    progress = Progress()
    for names, group in groupby(chosen, key=lambda each: each.names):
        own = {(each.letter.partition, each.letter.offset): each for each in group}
        # Closed in any case: the reader of our output may go away.
        async with aclosing(read_records(kafka, names.dead_letter_topic, own.keys())) as records:
            async for record in records:
                each = own[record.partition, record.offset]
                found: Mapping[str, Any] = row(each.letter, each.standing)
                exported = Exported(each.letter.id, record.key, record.value, record.headers)
                add(*(redact(found, exported) if redacted else (found, exported)))
                number += 1
                progress.tell(f"Writing: {number:,} of {len(chosen):,} dead letters…")
    progress.clear()
    if not number:
        raise _NothingError
    return number


def _tell(number: int, found: int, limit: int | None, to: Path | None, *, redacted: bool) -> None:
    wanted = found if limit is None else min(found, limit)
    place = f" to {to}" if to is not None and number else ""
    rest = "" if wanted == found else f", of {found:,}"
    click.echo(f"{counted(number)} exported{place}{rest}.", err=True)
    if number < wanted:
        click.echo(f"{wanted - number:,} were taken by the topic's retention meanwhile.", err=True)
    if number and to is not None and not redacted:
        click.echo("They hold personal data: delete them when you are done.", err=True)


@contextmanager
def _sink(form: str, to: Path | None, *, redacted: bool) -> Iterator[Add]:
    """What adds a dead letter to the output; at a path all of it is there in the end, or nothing."""
    if to is not None and form == "directory":
        with write_directory(to, redacted=redacted) as add:
            yield add
        return
    write = write_jsonl if form == "jsonl" else write_csv
    if to is None:
        yield write(sys.stdout)
        return
    with _new_file(to) as file:
        yield write(file)


@contextmanager
def _new_file(path: Path) -> Iterator[IO[str]]:
    if path.exists() or path.is_symlink():
        raise FilesError(f"{path} is there already: give another --to.")
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".partial", dir=path.parent)
    except OSError as exc:
        raise FilesError(f"{path} can't be written: {exc.strerror}.") from exc
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            yield file
        Path(name).rename(path)
    finally:
        with suppress(FileNotFoundError):
            Path(name).unlink()


def write_jsonl(file: IO[str]) -> Add:
    """A JSON object a line, all of it ASCII."""

    def add(found: Mapping[str, Any], exported: Exported) -> None:
        both = {**found, **row_of(exported.key, exported.value, exported.headers)}
        file.write(json.dumps(both) + "\n")

    return add


def write_csv(file: IO[str]) -> Add:
    """Headings with the first dead letter."""

    # All in quotes: a content with a bare carriage return would otherwise end its row for some readers.
    writer = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
    headings: list[str] = []

    def add(found: Mapping[str, Any], exported: Exported) -> None:
        flat = flat_row_of(found, exported.key, exported.value, exported.headers)
        if not headings:
            headings.extend(flat)
            writer.writerow(headings)
        writer.writerow(flat.values())

    return add

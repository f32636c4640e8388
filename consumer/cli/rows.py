"""Rows on stdout, as `-o table|json|jsonl|csv` asks: a table is cut to the terminal, the data never."""

import csv
import json
import shutil
import sys
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final

import click

FORMATS = ("table", "json", "jsonl", "csv")
Row = Mapping[str, Any]
_encode: Final = json.JSONEncoder().encode

output_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "-o",
    "--output",
    "output_format",
    type=click.Choice(FORMATS),
    default="table",
    show_default=True,
    help="How to write the rows.",
)


def write_rows(
    rows: Iterable[Row], output_format: str, table: Mapping[str, Callable[[Row], str]], *, together: int = 1
) -> None:
    """Write the rows to stdout, as JSON lines and CSV while they come.

    `table` gives the table's headings and what stands under each. `together`: so many JSON lines are
    written at once, where none has to be waited for.
    """
    if output_format == "json":
        click.echo(json.dumps(list(rows), indent=2))
    elif output_format == "jsonl":
        lines = map(_encode, rows)
        while some := list(islice(lines, together)):
            click.echo("\n".join(some))
    elif output_format == "csv":
        _write_csv(rows)
    else:
        for line in table_lines(rows, table):
            click.echo(line)


def table_lines(rows: Iterable[Row], table: Mapping[str, Callable[[Row], str]]) -> Iterable[str]:
    """The table's lines, headings first; cut to the terminal's width where stdout is one."""
    return _aligned(list(table), [[one_line(cell(row)) for cell in table.values()] for row in rows])


def _write_csv(rows: Iterable[Row]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    shown = one_line if sys.stdout.isatty() else str
    for number, row in enumerate(rows):
        if number == 0:
            writer.writerow(row.keys())
        writer.writerow([None if value is None else shown(_cell(value)) for value in row.values()])
    sys.stdout.flush()  # as `click.echo` does: where it can't be written, nothing is said after it


def _cell(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _aligned(headings: Sequence[str], cells: Sequence[Sequence[str]]) -> Iterable[str]:
    """Columns two spaces apart."""
    lines = [headings, *cells]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in lines:
        text = "  ".join(cell.ljust(size) for cell, size in zip(line, widths, strict=True)).rstrip()
        yield text if width is None else cut(text, width)


def cut(text: str, columns: int) -> str:
    """One line's text in so many columns of a terminal at most, an ellipsis where some of it is left out."""
    if text.isascii():
        return text if len(text) <= columns else text[: columns - 1] + "…"
    taken = 0
    for place, character in enumerate(text):
        wide = 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if taken + wide > columns - (place < len(text) - 1):
            return text[:place] + "…"
        taken += wide
    return text


def one_line(text: str) -> str:
    """The text without what would move the cursor: line breaks, controls, what is not printable."""
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )

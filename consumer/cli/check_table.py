"""The table of `check`: a line for each row, and beneath what is not well all that there is to say."""

import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby

from consumer.check.rows import Mark, Row
from consumer.cli.rows import one_line

SIGNS = {Mark.OK: "✓", Mark.BAD: "✗", Mark.UNCHECKED: "–"}
_MOST_SUBJECT = 46
_PLAIN_WIDTH = 120
_MOST_NAMED = 8


def table_lines(rows: Sequence[Row]) -> Iterator[str]:
    """Cut to the terminal where it is one; but nothing of what is not well, or was not looked at, is cut."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for (group, account), members in groupby(rows, key=lambda row: (row.group, row.account)):
        listed = list(members)
        yield f"{group.capitalize()}{_of(account)}"
        subjects = min(_MOST_SUBJECT, max(len(row.subject) for row in listed))
        for row in listed:
            yield from _lines(row, subjects, width)


def _lines(row: Row, subjects: int, width: int | None) -> Iterator[str]:
    line = one_line(f"  {SIGNS[row.mark]} {row.subject.ljust(subjects)}  {row.found}".rstrip())
    if width is None or len(line) <= width:
        yield line
    elif row.mark is Mark.OK:
        yield line[: width - 1] + "…"
    else:
        yield one_line(f"  {SIGNS[row.mark]} {row.subject}")
        yield from _wrapped(one_line(row.found), "    ", width)
    if row.todo:
        yield from _wrapped(one_line(row.todo), "    → ", width or _PLAIN_WIDTH)


def _of(account: str) -> str:
    return f" of {account}" if account else ""


def _wrapped(text: str, indent: str, width: int) -> list[str]:
    return textwrap.wrap(
        text,
        max(width, 20),
        initial_indent=indent,
        subsequent_indent=" " * len(indent),
        break_on_hyphens=False,
    )


def summary(rows: Sequence[Row]) -> str:
    """How many of each there are, and what is not well: it may have scrolled away."""
    counts = {mark: sum(row.mark is mark for row in rows) for mark in Mark}
    counted = f"{counts[Mark.OK]} ✓, {counts[Mark.BAD]} ✗, {counts[Mark.UNCHECKED]} – (not checked)."
    bad = [f"{row.subject}{_of(row.account)}" for row in rows if row.mark is Mark.BAD]
    more = f" and {len(bad) - _MOST_NAMED} more" if len(bad) > _MOST_NAMED else ""
    return f"{counted} Not well: {', '.join(bad[:_MOST_NAMED])}{more}." if bad else counted

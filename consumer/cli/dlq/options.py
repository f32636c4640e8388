"""The options that say which dead letters are meant, and who says so: the same for every `dlq` command."""

import getpass
import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, get_args

import click

from consumer.cli.rows import one_line
from consumer.delivery.replay import MAX_TEXT_BYTES
from consumer.dlq.selection import Selection
from schemas.error_class import ErrorClass
from schemas.moments import parse_date_time
from schemas.outcome import DeadLetterStateName

F = TypeVar("F", bound=Callable[..., Any])

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_MOST_DIGITS = 9


def _moment(_: click.Context, __: click.Parameter, text: str | None) -> str | None:
    """RFC 3339 with an offset, or how long ago: `90m`, `36h`, `7d`."""
    if text is None:
        return None
    number, unit = text[:-1], text[-1:]
    if unit in _UNITS and number.isascii() and number.isdecimal() and len(number) <= _MOST_DIGITS:
        ago = timedelta(seconds=min(int(number) * _UNITS[unit], datetime.now(UTC).timestamp()))
        return (datetime.now(UTC) - ago).isoformat()
    try:
        return parse_date_time(text).isoformat()
    except ValueError:
        raise click.BadParameter(
            "must be a time such as 2026-11-20T08:00:00+05:30, or how long ago: 90m, 36h, 7d."
        ) from None


_OPTIONS = (
    click.option(
        "--class",
        "classes",
        multiple=True,
        type=click.Choice([str(each) for each in ErrorClass]),
        help="Of this error class; may be repeated.",
    ),
    click.option(
        "--state",
        "states",
        multiple=True,
        type=click.Choice(get_args(DeadLetterStateName)),
        help="In this state; may be repeated.",
    ),
    click.option("--session", metavar="ID", help="Of this session: its id, or COURSE/BATCH/MODULE/SESSION."),
    click.option("--event", metavar="ID", help="Of this event id."),
    click.option("--source", metavar="SOURCE", help="Of this publisher: the event's source."),
    click.option(
        "--since", metavar="TIME", callback=_moment, help="Failed at that time or later; 36h: so long ago."
    ),
    click.option("--until", metavar="TIME", callback=_moment, help="Failed before that time."),
    click.option("--status", type=click.IntRange(100, 599), help="Zoho answered with this HTTP status."),
    click.option("--zoho-code", metavar="CODE", help="Zoho answered with this code."),
    click.option("--text", metavar="TEXT", help="Has this text in its key, value, or in what went wrong."),
    click.option("--retryable/--not-retryable", default=None, help="May succeed later as it is, or not."),
)


def selection_options(command: F) -> F:
    """Adds the options; the command takes them as `**filters`, for `selection_of`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def selection_of(filters: dict[str, Any], ids: tuple[str, ...] = ()) -> Selection:
    """What the options say."""
    return Selection(ids=ids, **filters)


def whoami() -> str:
    """`user@host`, as far as they are known."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user may have no name
        user = f"uid-{os.getuid()}" if hasattr(os, "getuid") else "unknown"
    return one_line(f"{user}@{socket.gethostname()}")[:200]


def short_text(_: click.Context, __: click.Parameter, text: str | None) -> str | None:
    """An option's text that is kept with a dead letter."""
    if text is not None and (not text.isprintable() or len(text.encode(errors="replace")) > MAX_TEXT_BYTES):
        raise click.BadParameter(f"must be printable text on one line, of at most {MAX_TEXT_BYTES:,} bytes.")
    return text

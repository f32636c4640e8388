"""Dates and times as RFC 3339 writes them, read strictly: no guess is ever made about a zone."""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from typing import Final

from pydantic_core import PydanticCustomError

# What the JSON Schemas say; `format` alone is only a hint to many validators.
DATE_PATTERN: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
DATE_TIME_PATTERN: Final = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-5][0-9](\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$"
)

_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_DATE_TIME = re.compile(
    _DATE.pattern + r"[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?([Zz]|[+-][0-9]{2}:[0-9]{2})?"
)
_FORM = "send RFC 3339 with an offset, such as 2026-12-01T10:00:00+05:30"


def parse_date_time(text: object) -> datetime:
    """An aware datetime from RFC 3339 text; raises PydanticCustomError (a ValueError).

    Digits beyond microseconds are cut, but a fraction that is not zero never becomes zero.
    """
    if not isinstance(text, str):
        raise PydanticCustomError("date_time_type", "must be a string")
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        raise PydanticCustomError("date_time_form", f"is not a date and time; {_FORM}")
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    if offset is None:
        raise PydanticCustomError("date_time_offset", f"has no offset from UTC; {_FORM}")
    if second == "60":
        raise PydanticCustomError("date_time_leap", "is a leap second; send :59 or the second after it")
    try:
        moment = datetime(
            int(year),
            int(month),
            int(day),
            int(hour),
            int(minute),
            int(second),
            _microseconds(fraction),
            tzinfo=_zone(offset),
        )
        moment.astimezone(UTC)  # others convert it later: what overflows is refused here
    except (ValueError, OverflowError):
        raise PydanticCustomError(
            "date_time_real", "is a date or time that does not exist; check month, day, hour and offset"
        ) from None
    return moment


def parse_date(text: object) -> date:
    """A date from `YYYY-MM-DD`; raises PydanticCustomError (a ValueError)."""
    if not isinstance(text, str):
        raise PydanticCustomError("date_type", "must be a string")
    match = _DATE.fullmatch(text)
    if match is None:
        raise PydanticCustomError("date_form", "is not a date; send YYYY-MM-DD, such as 2026-11-30")
    try:
        year, month, day = map(int, match.groups())
        return date(year, month, day)
    except ValueError:
        raise PydanticCustomError("date_real", "is a date that does not exist; check month and day") from None


def _microseconds(fraction: str | None) -> int:
    if not fraction:
        return 0
    microseconds = int(fraction[:6].ljust(6, "0"))
    return microseconds or int(bool(fraction.strip("0")))


@cache  # of a few that are in use; of 2,880 at most
def _zone(offset: str) -> timezone:
    if offset in "Zz":
        return UTC
    hours, minutes = int(offset[1:3]), int(offset[4:])
    if hours > 23 or minutes > 59:  # noqa: PLR2004
        raise ValueError("offset out of range")
    size = timedelta(hours=hours, minutes=minutes)
    return timezone(-size if offset[0] == "-" else size)

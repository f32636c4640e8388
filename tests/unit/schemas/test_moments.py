"""Dates and times, read strictly."""

from datetime import UTC, date, datetime, timedelta

import pytest

from schemas.moments import parse_date, parse_date_time


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-12-01T10:00:00Z", datetime(2026, 12, 1, 10, tzinfo=UTC)),
        ("2026-12-01t10:00:00z", datetime(2026, 12, 1, 10, tzinfo=UTC)),
        ("2026-12-01T10:00:00+05:30", datetime(2026, 12, 1, 4, 30, tzinfo=UTC)),
        ("2026-12-01T10:00:00-00:00", datetime(2026, 12, 1, 10, tzinfo=UTC)),
        ("2026-12-01T10:00:00.5Z", datetime(2026, 12, 1, 10, 0, 0, 500_000, UTC)),
        ("2026-12-01T10:00:00.123456789Z", datetime(2026, 12, 1, 10, 0, 0, 123_456, UTC)),
        ("2026-12-01T10:00:00.00000001Z", datetime(2026, 12, 1, 10, 0, 0, 1, UTC)),
        ("2026-12-01T10:00:00." + "0" * 9_999 + "Z", datetime(2026, 12, 1, 10, tzinfo=UTC)),
        (
            "2024-02-29T23:59:59+23:59",
            datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC) - timedelta(hours=23, minutes=59),
        ),
    ],
)
def test_rfc_3339_is_read(text: str, expected: datetime) -> None:
    """Fractions of any length; one that isn't zero never becomes zero."""
    assert expected == parse_date_time(text)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("2026-12-01T10:00:00", "no offset"),
        ("2026-12-01T10:00:00.5", "no offset"),
        ("2026-12-01 10:00:00Z", "not a date and time"),
        ("2026-12-01T10:00Z", "not a date and time"),
        ("2026-12-01T10:00:00+0530", "not a date and time"),
        ("2026-12-01T10:00:00+05", "not a date and time"),
        ("2026-12-01T10:00:00 Z", "not a date and time"),
        ("2026-12-01T10:00:00Z\n", "not a date and time"),
        ("2026-12-01T10:00:00.Z", "not a date and time"),
        ("2026-12-01T10:00:00,5Z", "not a date and time"),
        ("20261201T100000Z", "not a date and time"),
        ("٢٠٢٦-12-01T10:00:00Z", "not a date and time"),
        ("2026-12-01", "not a date and time"),
        ("1796119200", "not a date and time"),
        ("", "not a date and time"),
        ("2016-12-31T23:59:60Z", "leap second"),
        ("2026-02-29T10:00:00Z", "does not exist"),
        ("2026-13-01T10:00:00Z", "does not exist"),
        ("2026-12-01T24:00:00Z", "does not exist"),
        ("2026-12-01T10:60:00Z", "does not exist"),
        ("2026-12-01T10:00:61Z", "does not exist"),
        ("2026-12-01T10:00:00+24:00", "does not exist"),
        ("2026-12-01T10:00:00+05:60", "does not exist"),
        ("0000-01-01T00:00:00Z", "does not exist"),
        ("0001-01-01T00:00:00+00:01", "does not exist"),
        ("9999-12-31T23:59:00-00:01", "does not exist"),
    ],
)
def test_all_else_is_refused_with_the_reason(text: str, part: str) -> None:
    """Nothing is guessed, and nothing is let through that can't be converted later."""
    with pytest.raises(ValueError, match=part):
        parse_date_time(text)


def test_dates_are_iso_dates() -> None:
    """And nothing but."""
    assert date(2024, 2, 29) == parse_date("2024-02-29")


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-29",
        "30-11-2026",
        "2026-1-1",
        "20261130",
        "2026-11-30T00:00:00Z",
        "2026-W01-1",
        "",
        "2026-11-30 ",
    ],
)
def test_other_dates_are_refused(text: str) -> None:
    """Impossible ones and other forms."""
    with pytest.raises(ValueError, match=r"is not a date|does not exist"):
        parse_date(text)


@pytest.mark.parametrize("value", [None, 5, 1.5, [], {}, datetime(2026, 1, 1, tzinfo=UTC)])
def test_only_text_is_read(value: object) -> None:
    """Numbers would be guessed at."""
    with pytest.raises(ValueError, match="must be a string"):
        parse_date_time(value)
    with pytest.raises(ValueError, match="must be a string"):
        parse_date(value)

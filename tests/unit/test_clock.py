"""Time as text."""

import pytest

from consumer.clock import rfc3339


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "1970-01-01T00:00:00.000Z"),
        (1_795_000_000.5, "2026-11-18T11:06:40.500Z"),
        (-62_135_596_800.0, "0001-01-01T00:00:00.000Z"),
        (-62_135_596_801.0, "0001-01-01T00:00:00.000Z"),  # year 0
        (253_402_300_799.0, "9999-12-31T23:59:59.000Z"),
        (253_402_300_800.0, "9999-12-31T23:59:59.999Z"),  # year 10000
        (float("inf"), "9999-12-31T23:59:59.999Z"),
        (float("-inf"), "0001-01-01T00:00:00.000Z"),
        (2.0**62, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_every_time_can_be_written(seconds: float, text: str) -> None:
    """Beyond the years 1 to 9999 it is the first or the last moment of them."""
    assert rfc3339(seconds) == text

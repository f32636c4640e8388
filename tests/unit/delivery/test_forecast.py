"""Whoever runs out of calls at three in the afternoon should know at noon."""

import pytest

from consumer.delivery.forecast import Forecast

HOUR = 3_600.0


def at_pace(calls_a_minute: int, minutes: int, left: int = 10_000) -> Forecast:
    """A count every minute."""
    forecast = Forecast()
    for minute in range(minutes + 1):
        forecast = forecast.observed(left - calls_a_minute * minute, 60.0, 60.0 * minute)
    return forecast


@pytest.mark.parametrize(
    ("reserve", "day_ends_at", "expected"),
    [(0, 24 * HOUR, 60.0 * 1000), (1_000, 24 * HOUR, 60.0 * 900), (0, 10 * HOUR, None)],
)
def test_the_hour_is_told_where_it_comes_before_the_days_end(
    reserve: int, day_ends_at: float, expected: float | None
) -> None:
    """10,000 calls at 10 a minute; the reserve is not ours."""
    assert expected == at_pace(10, 30).runs_out_at(reserve, day_ends_at)


def test_the_pace_is_that_of_the_last_hour() -> None:
    """A busy morning is forgotten by then."""
    forecast = at_pace(100, 60)
    for minute in range(61, 122):
        forecast = forecast.observed(4_000 - (minute - 60), 60.0, 60.0 * minute)

    assert forecast.runs_out_at(0, 24 * HOUR) is None


def test_a_new_day_and_too_little_known_tell_nothing() -> None:
    """A burst is no pace; a count that goes up begins anew."""
    assert at_pace(10, 3).runs_out_at(0, 24 * HOUR) is None
    assert Forecast().observed(5, 60.0, 0.0).runs_out_at(0, 24 * HOUR) is None
    assert at_pace(10, 30).observed(25_000, 60.0, 1_900.0).runs_out_at(0, 24 * HOUR) is None

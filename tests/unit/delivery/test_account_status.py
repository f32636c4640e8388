"""What an account tells of itself."""

import asyncio
import json
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from consumer.delivery.account_status import status_of
from consumer.delivery.gate import AccountState
from tests.fakes.simulated_time import simulate
from tests.fakes.stage import change_record, on_stage, rules


@pytest.mark.parametrize(
    ("time", "shown"),
    [
        ("2026-11-20T10:00:00+05:30", "2026-11-20T04:30:00.000Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
        # As a float this rounds up, into the year 10000.
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999Z"),
    ],
)
def test_the_status_shows_the_oldest_event_whatever_its_time_is(time: str, shown: str) -> None:
    """A record's own timestamp may be anything, and so may an event's `time` with it."""

    async def scene() -> dict[str, Any]:
        record = change_record(0, 1)
        event = json.loads(record.value or b"") | {"time": time}
        late = replace(record, timestamp_ms=2**62, value=json.dumps(event).encode())
        async with on_stage() as stage:
            stage.worker.receive([late])
            return status_of(stage.account)

    assert simulate(scene())["backlog"]["oldest_event_at"] == shown


def test_moments_are_shown_by_the_wall_clock_as_it_is_now() -> None:
    """One that was wrong at the start and is set later shows right times, and the day is the right one."""

    async def scene() -> tuple[dict[str, Any], float | None, float, float]:
        async with on_stage(with_rules=rules(daily_requests=1)) as stage:
            account = stage.account
            stage.worker.receive([change_record(0, 1), change_record(1, 2)])
            await asyncio.sleep(60.0)
            assert account.state is AccountState.DAILY_QUOTA
            first_day = account.quota.day
            # A year behind, and five hours: it is another time of another day.
            account.clock_behind = lambda: 365 * 86_400 + 5 * 3600
            assert account.day_ends_at(account.clock()) is None, "the count of another day"
            account.quota = replace(account.quota, day_calls=1)
            return status_of(account), account.day_ends_at(account.clock()), first_day, account.clock()

    status, ends_at, first_day, now = simulate(scene())
    behind = 365 * 86_400 + 5 * 3600
    assert ends_at is not None
    # Midnight in Kolkata, by the wall clock.
    assert (ends_at + behind + 5.5 * 3600) % 86_400 == pytest.approx(0.0, abs=0.001)
    assert now < ends_at <= now + 86_400
    since, until = (datetime.fromisoformat(status[name]).timestamp() for name in ("since", "until"))
    assert since == pytest.approx(now - 60.0 + behind, abs=5.0)
    assert until == pytest.approx(first_day + 86_400 + behind, abs=0.01)

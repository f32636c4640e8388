"""What an account tells of itself."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.fakes.simulated_time import simulate
from tests.fakes.stage import change_record, on_stage


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
            return stage.account.status()

    assert simulate(scene())["backlog"]["oldest_event_at"] == shown

"""Crashes, freezes, cuts, outages and locks by a plan made from a seed (`make chaos SEED=… RUNS=…`)."""

from pathlib import Path

import pytest

from tests.chaos.__main__ import one_run
from tests.kafka_broker.java import BrokerUnavailableError
from tests.kafka_broker.untested import UNTESTED

# Seen red: 4 where a take-over forgets the window, 161 where a reservation may be of any age.
SHORT = (4,)
LONG = (161, *range(5, 25))


@pytest.mark.kafka
@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", [*SHORT, *(pytest.param(seed, marks=pytest.mark.slow) for seed in LONG)])
async def test_every_law_holds_whatever_happens(
    seed: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Nothing lost, never over the quota, no call by a non-owner, the right end state, no needless repeat."""
    try:
        found = await one_run(seed, tmp_path)
    except BrokerUnavailableError as error:
        request.config.stash[UNTESTED].skip(str(error))
    assert found is None, found

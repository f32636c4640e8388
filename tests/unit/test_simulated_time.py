"""The simulated time that other tests stand on."""

import asyncio

import pytest

from tests.fakes.simulated_time import MAX_SECONDS, simulate


async def _never_ends(pause_seconds: float) -> None:
    while True:  # noqa: ASYNC110  (time is simulated)
        await asyncio.sleep(pause_seconds)


@pytest.mark.parametrize(
    ("pause_seconds", "said"),
    [
        (0.0, "no end after 20000 steps and 0 simulated seconds"),
        (3600.0, f"and {MAX_SECONDS + 3600:.0f} simulated seconds"),
    ],
)
def test_a_scene_that_never_ends_fails(pause_seconds: float, said: str) -> None:
    """Whether it spins or waits."""
    with pytest.raises(AssertionError, match=said):
        simulate(_never_ends(pause_seconds), max_steps=20_000)


def test_a_scene_in_which_nothing_can_happen_fails() -> None:
    """Every task waits for another."""
    with pytest.raises(RuntimeError, match="nothing would ever happen again"):
        simulate(asyncio.Event().wait())

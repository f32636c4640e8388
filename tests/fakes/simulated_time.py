"""Time that jumps: an event loop that never waits, so that hours of the product's life take milliseconds."""

import asyncio
import selectors
from collections.abc import Coroutine
from functools import partial
from typing import Any, TypeVar

EPOCH_SECONDS = 1_795_600_000.0
# The longest scene takes 350,000 steps and a day; of one that never ends we want to hear within seconds.
MAX_STEPS = 1_500_000
MAX_SECONDS = 7 * 86_400.0

T = TypeVar("T")


class _JumpingSelector(selectors.SelectSelector):
    """Where the loop would wait, its time jumps to the moment it would have waited for."""

    def __init__(self, max_steps: int) -> None:
        super().__init__()
        self.now = 0.0
        self._max_steps = self._steps_left = max_steps
        self._ends_at = MAX_SECONDS

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Raises RuntimeError where nothing would ever happen again, AssertionError beyond the bounds."""
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("every task waits and no timer runs: nothing would ever happen again")
            self.now += max(0.0, timeout)
        self._steps_left -= 1
        if self._steps_left < 0 or self.now > self._ends_at:
            steps = self._max_steps - max(0, self._steps_left)
            # As much again for the tasks to be cancelled in.
            self._steps_left, self._ends_at = self._max_steps, self.now + MAX_SECONDS
            raise AssertionError(f"no end after {steps} steps and {self.now:.0f} simulated seconds")
        return ready


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop on simulated time, which starts at 0."""

    def __init__(self, max_steps: int = MAX_STEPS) -> None:
        self._jumping = _JumpingSelector(max_steps)
        super().__init__(self._jumping)

    def time(self) -> float:
        """Simulated seconds since the loop began."""
        return self._jumping.now


def simulate(scene: Coroutine[Any, Any, T], *, max_steps: int = MAX_STEPS) -> T:
    """Run the scene on simulated time to its end; AssertionError where it takes too long."""
    with asyncio.Runner(loop_factory=partial(SimulatedLoop, max_steps)) as runner:
        return runner.run(scene)


def clock() -> float:
    """Epoch seconds of the simulated time; to be asked within `simulate`."""
    return EPOCH_SECONDS + asyncio.get_running_loop().time()

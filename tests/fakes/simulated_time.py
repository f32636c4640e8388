"""Time that jumps: an event loop that never waits, so that hours of the product's life take milliseconds."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

EPOCH_SECONDS = 1_795_600_000.0

T = TypeVar("T")


class _JumpingSelector(selectors.SelectSelector):
    """Where the loop would wait, its time jumps to the moment it would have waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Raises RuntimeError where nothing would ever happen again."""
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("every task waits and no timer runs: nothing would ever happen again")
            self.now += max(0.0, timeout)
        return ready


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop on simulated time, which starts at 0."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Simulated seconds since the loop began."""
        return self._jumping.now


def simulate(scene: Coroutine[Any, Any, T]) -> T:
    """Run the scene on simulated time to its end."""
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        return runner.run(scene)


def clock() -> float:
    """Epoch seconds of the simulated time; to be asked within `simulate`."""
    return EPOCH_SECONDS + asyncio.get_running_loop().time()

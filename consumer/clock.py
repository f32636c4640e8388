"""Time, as a parameter: epoch seconds from a clock that never jumps."""

import time
from collections.abc import Callable

Clock = Callable[[], float]


def steady_clock() -> Clock:
    """Epoch seconds now, running on with the monotonic clock: no step of the wall clock shows.

    So that a quota's times can be compared within a process without fear and with another
    process's within the clock margin.
    """
    offset = time.time() - time.monotonic()
    return lambda: time.monotonic() + offset

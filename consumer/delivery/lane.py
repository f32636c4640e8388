"""What waits to be written to one topic: in batches, again and again until each is acknowledged (law 1)."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import structlog

from consumer.delivery.pauses import Pauses
from consumer.delivery.ports import NotWritten

# One batch in flight while the next records are read: bounds what the client buffers.
MAX_BATCH = 1000
MAX_BATCH_BYTES = 4 * 1024 * 1024
OWNERSHIP_POLL_SECONDS = 0.1
REPEAT_PAUSES = Pauses(0.25, 5.0)

T = TypeVar("T")

log = structlog.get_logger(__name__)


class Lane(Generic[T]):
    """The way to one topic. `what` it carries is for the log; `report` is told its trouble, or None.

    `owns`: whether what is written is still ours to write; while it is not, nothing is.
    `write` is the port's; `written` takes what was acknowledged; `size_bytes` is about what one weighs.
    """

    def __init__(
        self,
        what: str,
        *,
        owns: Callable[[], bool],
        write: Callable[[Sequence[T]], Awaitable[Sequence[NotWritten | None]]],
        written: Callable[[Sequence[T]], None],
        size_bytes: Callable[[T], int],
        report: Callable[[str | None], None],
    ) -> None:
        self._what = what
        self._owns = owns
        self._write = write
        self._written = written
        self._size_bytes = size_bytes
        self._report = report
        self._waiting: deque[T] = deque()
        # Those that were refused when last tried: while there is one, the trouble lasts.
        self._refused: set[int] = set()
        self._more = asyncio.Event()
        self._none_left = asyncio.Event()
        self._none_left.set()

    def put(self, one: T) -> None:
        """Write this one, too."""
        self._waiting.append(one)
        self._none_left.clear()
        self._more.set()

    async def all_written(self, deadline: float) -> bool:
        """Wait until each is acknowledged, until then by the loop's clock: True if they are."""
        try:
            async with asyncio.timeout_at(deadline):
                await self._none_left.wait()
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        """Write what comes. Never returns."""
        failures = 0
        while True:
            await self._more.wait()
            while not self._owns():  # noqa: ASYNC110  (nobody tells)
                await asyncio.sleep(OWNERSHIP_POLL_SECONDS)
            reason = await self._write_batch()
            if reason is None:
                if not self._refused:
                    failures = 0
                    self._report(None)
                continue
            if failures == 0:
                log.error("not written", what=self._what, reason=reason)
            self._report(reason)
            await asyncio.sleep(REPEAT_PAUSES.nth(failures))
            failures += 1

    async def _write_batch(self) -> str | None:
        """Write what waits, up to a batch; the reason of the first one that was not written.

        What was not written gets in line behind the others, so that it holds up none of them.
        """
        batch: list[T] = []
        size = 0
        while self._waiting and len(batch) < MAX_BATCH and size < MAX_BATCH_BYTES:
            batch.append(self._waiting.popleft())
            size += self._size_bytes(batch[-1])
        if not self._waiting:
            self._more.clear()
        results = await self._write(batch)
        reasons = [result.reason for result in results if result is not None]
        acknowledged = [one for one, result in zip(batch, results, strict=True) if result is None]
        refused = [one for one, result in zip(batch, results, strict=True) if result is not None]
        self._refused -= set(map(id, acknowledged))
        self._refused |= set(map(id, refused))
        self._waiting.extend(refused)
        if acknowledged:
            self._written(acknowledged)
        if self._waiting:
            self._more.set()
        else:
            self._none_left.set()
        return reasons[0] if reasons else None

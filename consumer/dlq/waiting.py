"""Waits for what becomes of replays, a bounded time, whatever Kafka and the consumer do."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from consumer.delivery.dead_letter_state import StateChange, read_state_change
from consumer.delivery.outcome import STATE_KEY_PREFIX
from consumer.dlq.letter import Letter, read_letter
from consumer.dlq.picture import Picture
from consumer.dlq.runs import is_of_another_run
from consumer.kafka.connection import KafkaUnreachableError
from consumer.kafka.following import follow
from consumer.records import Record
from consumer.settings import KafkaSettings, TopicNames
from schemas.outcome import DeadLetterStateName, OutcomeName

TICK_SECONDS = 0.5
AGAIN_SECONDS = 2.0
END_SECONDS = 3.0
# Without progress for so long, somebody will want to know why; and again each time.
STALLED_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Ended:
    """What a replay came to. `failure`: the new dead letter, where it failed again and could be read.

    `first_run`: the run that sent the same dead letter at once; its replay was taken, and the rest is of it.
    """

    id: str
    state: DeadLetterStateName
    outcome: OutcomeName | None
    failure: Letter | None = None
    first_run: str | None = None

    @property
    def good(self) -> bool:
        """Whether nothing is left to be done: what was sent is applied, or a newer change is."""
        return self.state in ("applied", "superseded") and self.first_run is None


class Awaited:
    """The replays that have no end yet, by their states' changes. Pure."""

    def __init__(self, counts: Mapping[str, int], run_id: str) -> None:
        """`counts`: each dead letter's replay count in this run."""
        self.waiting = dict(counts)
        self._run_id = run_id
        self.ended: dict[str, Ended] = {}
        self._counts = dict(counts)
        self._failures: dict[str, Letter] = {}

    @property
    def all_good(self) -> bool:
        """Whether all have ended well."""
        return not self.waiting and all(each.good for each in self.ended.values())

    def add(self, records: Iterable[Record]) -> list[str]:
        """Records of the outcomes topic; gives the ids of those that ended with them."""
        new = []
        for record in records:
            if record.key is None or record.value is None or not record.key.startswith(STATE_KEY_PREFIX):
                continue
            try:
                change = read_state_change(record.value)
            except ValueError:
                continue
            if self.add_change(change):
                new.append(change.dead_letter_id)
        return new

    def add_change(self, change: StateChange) -> bool:
        """Whether its replay ended with this."""
        wanted = self._counts.get(change.dead_letter_id)
        if wanted is None or change.replay_count < wanted or change.state == "replaying":
            return False
        other = change.replay_count == wanted and is_of_another_run(change, self._run_id)
        held = self.ended.get(change.dead_letter_id)
        # Read after the other one had its end, ours is taken all the same and has an end of its own.
        if held is not None and (held.first_run is None or change.run_id != self._run_id):
            return False
        self.waiting.pop(change.dead_letter_id, None)
        self.ended[change.dead_letter_id] = Ended(
            change.dead_letter_id,
            change.state,
            change.outcome,
            self._failures.get(change.dead_letter_id),
            change.run_id if other else None,
        )
        return held is None

    def add_failures(self, letters: Iterable[Letter]) -> None:
        """New dead letters of those that failed again; they may come long before the end is known."""
        for letter in letters:
            if letter.replay_count < self._counts.get(letter.id, letter.replay_count + 1):
                continue
            self._failures[letter.id] = letter
            if letter.id in self.ended:
                self.ended[letter.id] = replace(self.ended[letter.id], failure=letter)


class Waiting:
    """Follows the outcomes topic from where the picture stands: what it read until then counts too."""

    def __init__(
        self,
        kafka: KafkaSettings,
        names: TopicNames,
        picture: Picture,
        counts: Mapping[str, int],
        run_id: str,
    ) -> None:
        """`counts`: the replay count of each dead letter that the run sent, to be made after sending them."""
        self._kafka = kafka
        self._names = names
        self._letters = picture.letters
        self._positions = dict(picture.outcomes.positions)
        self.awaited = Awaited(counts, run_id)
        # What the picture has read beyond the beginning already.
        changes = (picture.register.change(each) for each in counts)
        self._ended = [
            change.dead_letter_id
            for change in changes
            if change is not None and self.awaited.add_change(change)
        ]

    async def wait(
        self,
        timeout_seconds: float,
        *,
        on_end: Callable[[Ended], None],
        on_stall: Callable[[], Awaitable[None]],
        on_note: Callable[[str], None],
    ) -> bool:
        """Until all have ended: True, or until the time is over: False. Kafka may be away meanwhile.

        `on_end` for each that ends; `on_stall` after each half minute without; `on_note`: sentences.
        Raises KafkaRefusedError, TopicMissingError.
        """
        # Not `asyncio.timeout`: where the client swallows the cancellation, the time would never be over.
        following = asyncio.ensure_future(self._follow(on_end, on_stall, on_note))
        try:
            done, _ = await asyncio.wait([following], timeout=timeout_seconds)
        finally:
            if not following.done():
                following.cancel()
                await asyncio.wait([following], timeout=END_SECONDS)
        if done:
            following.result()
        return bool(done)

    async def _follow(
        self,
        on_end: Callable[[Ended], None],
        on_stall: Callable[[], Awaitable[None]],
        on_note: Callable[[str], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        moved_at = loop.time()
        await self._tell(self._ended, on_end)
        async with aclosing(self._batches(on_note)) as batches:
            while self.awaited.waiting:
                records = await anext(batches)
                new = self.awaited.add(records)
                if new:
                    await self._tell(new, on_end)
                    moved_at = loop.time()
                elif loop.time() - moved_at >= STALLED_SECONDS:
                    await on_stall()
                    moved_at = loop.time()

    async def _tell(self, ids: Sequence[str], on_end: Callable[[Ended], None]) -> None:
        await self._read_failures(ids)
        for each in ids:
            on_end(self.awaited.ended[each])

    async def _batches(self, on_note: Callable[[str], None]) -> AsyncGenerator[list[Record], None]:
        """What comes, also over outages: told once when one begins and once when it ends."""
        away = False
        while True:
            try:
                followed = follow(
                    self._kafka, self._names.outcomes_topic, self._positions, tick_seconds=TICK_SECONDS
                )
                async with aclosing(followed):
                    async for records in followed:
                        if away:
                            on_note("Kafka is back.")
                            away = False
                        yield records
            except KafkaUnreachableError as exc:
                if not away:
                    on_note(f"{exc} Waiting on; what was sent is safe.")
                away = True
                yield []
                await asyncio.sleep(AGAIN_SECONDS)

    async def _read_failures(self, ids: Sequence[str]) -> None:
        """What those that failed again say now: their dead letters were written before their states."""
        if all(self.awaited.ended[each].good for each in ids):
            return

        def take(records: list[Record]) -> None:
            letters = (read_letter(record) for record in records)
            self.awaited.add_failures(letter for letter in letters if letter is not None)

        try:
            await self._letters.read(take)
        except KafkaUnreachableError:
            return  # the class is a courtesy; it stays in the dead-letter topic

"""What tests of replays start with: dead letters, the command, and a stand-in for the consumer's side."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from consumer.cli.main import cli as main
from consumer.delivery.dead_letter_state import StateChange
from consumer.delivery.replay import Replay, read_replay
from consumer.records import Record
from schemas.outcome import DeadLetterStateName, OutcomeName
from tests.fakes.dlq_topics import Failed
from tests.integration.outcomes_scene import writer
from tests.kafka_broker.traffic import Outgoing, Topics, publish, read_all
from tests.kafka_broker.under_test import KafkaUnderTest

COMMAND = (str(Path(sys.executable).with_name("session-consumer")), "dlq")
ZONE = {"CONSUMER_ZOHO_TIME_ZONE": "Asia/Kolkata"}
_STATE_OF: dict[OutcomeName, DeadLetterStateName] = {
    "applied": "applied",
    "stale": "superseded",
    "dead_lettered": "open",
}
# What a replay comes to; None: it waits on.
End = Callable[[Replay], OutcomeName | None]


@dataclass(frozen=True)
class Desk:
    """An operator's: the account's topics and the command."""

    kafka: KafkaUnderTest
    topics: Topics

    @property
    def env(self) -> dict[str, str]:
        """The settings; nobody answers at the HTTP port."""
        return {
            "CONSUMER_KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap,
            "CONSUMER_SOURCE_TOPIC": self.topics.source,
            "CONSUMER_DEAD_LETTER_TOPIC": self.topics.dead_letters,
            "CONSUMER_REPLAY_TOPIC": self.topics.replay,
            "CONSUMER_OUTCOMES_TOPIC": self.topics.outcomes,
            "CONSUMER_HTTP_PORT": "0",
            **ZONE,
        }

    async def dlq(self, *arguments: str) -> Result:
        """`session-consumer dlq …` in this process, one at a time: without a terminal."""
        return await asyncio.to_thread(CliRunner().invoke, main, ["dlq", *arguments], env=self.env)

    async def rows(self, *arguments: str) -> list[dict[str, Any]]:
        """The rows of a command that must succeed."""
        result = await self.dlq(*arguments, "-o", "json")
        assert 0 == result.exit_code, result.output
        found: list[dict[str, Any]] = json.loads(result.stdout)
        return found

    async def put(self, letters: Sequence[Record]) -> None:
        """Into the dead-letter topic, byte for byte."""
        await publish(
            self.kafka.bootstrap,
            self.topics.dead_letters,
            [Outgoing(each.value, each.key, each.headers, partition=each.partition) for each in letters],
        )

    async def replays(self) -> list[Record]:
        """What is in the replay topic."""
        return await read_all(self.kafka.bootstrap, self.topics.replay)

    async def write_states(self, *changes: StateChange) -> None:
        """Changes of dead letters' states, as the consumer writes them."""
        async with writer(self.kafka.bootstrap, self.topics.outcomes) as outcomes:
            assert [None] * len(changes) == list(await outcomes.write([each.record() for each in changes]))

    async def write_outcomes(self, *records: Record) -> None:
        """Records of the outcomes topic."""
        await publish(
            self.kafka.bootstrap,
            self.topics.outcomes,
            [Outgoing(each.value, each.key, partition=0) for each in records],
        )

    @asynccontextmanager
    async def consumer(self, end: End = lambda _: "applied") -> AsyncIterator[list[Replay]]:
        """A stand-in for the consumer: says of each replay that it has begun, then what it came to."""
        seen: list[Replay] = []
        # Told, not cancelled: the client may swallow a cancellation.
        leaving = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._serve(end, seen, leaving))
            try:
                yield seen
            finally:
                leaving.set()

    async def _serve(self, end: End, seen: list[Replay], leaving: asyncio.Event) -> None:
        taken: set[tuple[str, int]] = set()
        while not leaving.is_set():
            found = [read_replay(record) for record in await self.replays()]
            new = [each for each in found if each is not None and each not in seen]
            for replay in new:
                seen.append(replay)
                if (replay.dead_letter_id, replay.count) in taken:
                    continue  # as the consumer: it is a copy
                taken.add((replay.dead_letter_id, replay.count))
                outcome = end(replay)
                begun = change(replay, "replaying")
                if outcome is None:
                    await self.write_states(begun)
                    continue
                if outcome == "dead_lettered":
                    await self.put([_failed_again(replay)])
                await self.write_states(begun, change(replay, _STATE_OF[outcome], outcome))
            await asyncio.sleep(0.05)


def change(
    replay: Replay,
    state: DeadLetterStateName,
    outcome: OutcomeName | None = None,
    at: float = 1_795_000_000.0,
) -> StateChange:
    """A change of a replay's dead letter."""
    return StateChange(
        replay.dead_letter_id, state, replay.count, replay.run_id, replay.by, replay.reason, at, outcome
    )


def _failed_again(replay: Replay) -> Record:
    failed = Failed(minute=replay.origin.offset, partition=replay.origin.partition)
    return failed.letter(replayed=replay.count, run=replay.run_id)

"""An outcomes topic in memory, that can be told to refuse, and a history that is read already."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from consumer.delivery.outcome import OutcomeRecord
from consumer.delivery.ports import NotWritten
from consumer.delivery.settled import EndedReplays
from consumer.records import TopicPartition


@dataclass
class FakeOutcomesTopic:
    """An `OutcomePort` that acknowledges after `write_seconds` what it does not refuse: all, or by key."""

    refuses: bool = False
    refuses_key: Callable[[bytes], bool] = lambda _key: False
    write_seconds: float = 0.01
    records: list[OutcomeRecord] = field(default_factory=list)
    discarded: int = 0

    async def write(self, records: Sequence[OutcomeRecord]) -> Sequence[NotWritten | None]:
        """Acknowledged or not, all of them."""
        await asyncio.sleep(self.write_seconds)
        refused = [self.refuses or self.refuses_key(record.key) for record in records]
        self.records += [record for record, no in zip(records, refused, strict=True) if not no]
        return [NotWritten("refused by the test") if no else None for no in refused]

    def discard(self) -> None:
        """Ownership has ended."""
        self.discarded += 1

    def values(self) -> list[dict[str, Any]]:
        """What was written, tombstones left out."""
        return [json.loads(record.value) for record in self.records if record.value is not None]


class ReadHistory:
    """A `HistoryPort` that has nothing more to read."""

    def __init__(self) -> None:
        """No replay has ended."""
        self.ended_replays = EndedReplays()

    async def at_end(self, deadline_seconds: float) -> bool:  # noqa: ARG002
        """It is."""
        return True

    def settled_from(self, positions: Mapping[TopicPartition, int]) -> dict[TopicPartition, dict[int, int]]:
        """Nothing."""
        return {partition: {} for partition in positions}

    def rest(self) -> None:
        """As before."""

    def follow(self) -> None:
        """As before."""

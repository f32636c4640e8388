"""A dead-letter topic in memory, that can be told to refuse."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from consumer.delivery.dead_letter import DeadLetter
from consumer.delivery.ports import NotWritten


def takes_all(_letter: DeadLetter) -> bool:
    """It refuses nothing."""
    return False


@dataclass
class FakeDeadLetterTopic:
    """A `DeadLetterPort` that acknowledges after `write_seconds` what `refuses` does not refuse."""

    refuses: Callable[[DeadLetter], bool] = takes_all
    write_seconds: float = 0.01
    letters: list[DeadLetter] = field(default_factory=list)
    batches: int = 0

    async def write(self, letters: Sequence[DeadLetter]) -> Sequence[NotWritten | None]:
        """Acknowledged or not, for each in order."""
        self.batches += 1
        await asyncio.sleep(self.write_seconds)
        results = [NotWritten("refused by the test") if self.refuses(one) else None for one in letters]
        self.letters += [one for one, result in zip(letters, results, strict=True) if result is None]
        return results

    def classes(self) -> list[str]:
        """The error class of each letter."""
        return [dict(one.headers)["dlq.error.class"].decode() for one in self.letters]  # type: ignore[union-attr]

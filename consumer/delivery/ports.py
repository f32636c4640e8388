"""What the core asks of the world: implemented by `consumer.zoho` and `consumer.kafka`, and by fakes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from consumer.delivery.dead_letter import DeadLetter
from consumer.delivery.mint_budget import MintBudget
from consumer.delivery.outcome import OutcomeRecord
from consumer.delivery.settled import EndedReplays
from consumer.delivery.verdicts import CallReport
from consumer.events.model import SessionKey
from consumer.records import TopicPartition


class ZohoPort(Protocol):
    """The one call of Zoho's API that we make, and the tokens it takes."""

    @property
    def mint_budget(self) -> MintBudget:
        """The tokens minted so far; one that is being minted is counted already."""
        ...

    def resume_mints(self, budget: MintBudget) -> None:
        """Go on from what the account's last owner had minted."""
        ...

    async def update_session(
        self,
        session: SessionKey,
        session_data: Mapping[str, str],
        may_start: Callable[[], bool],
    ) -> CallReport:
        """Make one call, one attempt, within the call time-out.

        `may_start` is asked as late as can be, when the connection is up and before the first byte
        of the request; where it says no, the verdict is `Withheld`. Never raises for what the
        network or Zoho does. A token is minted first where none is at hand.
        """
        ...


@dataclass(frozen=True, slots=True)
class NotWritten:
    """Why the broker did not acknowledge what was to be written, in words for operators, without content."""

    reason: str


class DeadLetterPort(Protocol):
    """The dead-letter topic."""

    async def write(self, letters: Sequence[DeadLetter]) -> Sequence[NotWritten | None]:
        """Write them all; for each, in order, None once it is acknowledged (acks=all), or why not.

        Waits a bounded time. One that can't be written keeps no other from being written. Never
        raises for what Kafka does.
        """
        ...


class OutcomePort(Protocol):
    """The outcomes topic."""

    async def write(self, records: Sequence[OutcomeRecord]) -> Sequence[NotWritten | None]:
        """Write them all, those of one key in order; else as `DeadLetterPort.write`.

        One that failed may be followed by a later one of its key that did not: what is written in its
        place carries the newest `applied` of then.
        """
        ...

    def discard(self) -> None:
        """Ownership has ended: drop what was not sent yet, and fail the `write` that waits for it."""
        ...


class HistoryPort(Protocol):
    """Whoever keeps the ledger up with the outcomes topic."""

    async def at_end(self, deadline_seconds: float) -> bool:
        """Wait until the ledger has all that is in the topic now; False where that takes longer."""
        ...

    @property
    def ended_replays(self) -> EndedReplays:
        """The replays whose end is in the topic."""
        ...

    def settled_from(self, positions: Mapping[TopicPartition, int]) -> dict[TopicPartition, dict[int, int]]:
        """The offsets at these positions and beyond whose records have an outcome, with `event_mark`s."""
        ...

    def rest(self) -> None:
        """Read no more: who owns the account keeps the ledger itself."""
        ...

    def follow(self) -> None:
        """Read on from where it was left."""
        ...


class Telemetry(Protocol):
    """What an account tells of its work; counters only, never content."""

    def event(self, outcome: str) -> None:
        """A record is done: an outcome's name, or `skipped`."""

    def dead_letter(self, error_class: str) -> None:
        """A dead letter was acknowledged."""

    def call(self, verdict: str, seconds: float) -> None:
        """A call to Zoho ended; `verdict` is the verdict's name in lower_snake_case."""

    def waited_for_slot(self, seconds: float) -> None:
        """A call started, after its change had waited so long for a free slot."""

    def applied_after(self, seconds: float) -> None:
        """An event was applied so long after its `time`."""

    def locked(self) -> None:
        """Zoho locked the API."""


class Silent:
    """A `Telemetry` that tells nobody."""

    def event(self, outcome: str) -> None:
        """Ignore it."""

    def dead_letter(self, error_class: str) -> None:
        """Ignore it."""

    def call(self, verdict: str, seconds: float) -> None:
        """Ignore it."""

    def waited_for_slot(self, seconds: float) -> None:
        """Ignore it."""

    def applied_after(self, seconds: float) -> None:
        """Ignore it."""

    def locked(self) -> None:
        """Ignore it."""

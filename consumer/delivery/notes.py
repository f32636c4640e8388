"""What the outcomes topic gets of a record: notes, made into bytes as late as can be."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import assert_never

from consumer.delivery.done import Done
from consumer.delivery.outcome import Outcome, OutcomeRecord
from consumer.delivery.replays import Held, Replays
from consumer.delivery.session_ledger import SessionLedger
from consumer.records import Record


@dataclass(slots=True, eq=False)
class Beginning:
    """A replay was taken in: its dead letter's state."""

    replay: Held


@dataclass(slots=True, eq=False)
class Ending:
    """What a record came to, and `record` itself, finished when that is durable; `done` is told then.

    `outcome`: its event's; None: it names no event, or needs none. `replay`: the replay that it is, whose
    dead letter has a new state then.
    """

    record: Record
    done: Done
    outcome: Outcome | None
    replay: Held | None


@dataclass(slots=True, eq=False)
class Repeat:
    """An outcome that is written for the ledger's sake alone."""

    outcome: Outcome


@dataclass(slots=True, eq=False)
class Tombstone:
    """A session that was not heard of for long; `forget` it when the broker has this."""

    record: OutcomeRecord
    forget: Callable[[], None]


Note = Beginning | Ending | Repeat | Tombstone


def records_of(note: Note, ledger: SessionLedger, replays: Replays) -> list[OutcomeRecord]:
    """As they are written now: a key's last record has to carry its newest `applied`."""
    match note:
        case Tombstone():
            return [note.record]
        case Beginning():
            return [replays.begun(note.replay).record()]
        case Repeat():
            return [_carrying_applied(note.outcome, ledger)]
        case Ending():
            records = []
            if note.outcome is not None:
                records.append(_carrying_applied(note.outcome, ledger))
            if note.replay is not None:
                outcome = None if note.done.outcome == "skipped" else note.done.outcome
                records.append(replays.ended(note.replay, outcome).record())
            return records
        case _:
            assert_never(note)


def _carrying_applied(outcome: Outcome, ledger: SessionLedger) -> OutcomeRecord:
    return replace(outcome, applied=ledger.applied(outcome.session)).record()

"""A dead letter's state: the outcomes topic's second kind of record, to and from bytes. Pure."""

import json
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, get_args

from consumer.clock import rfc3339
from consumer.delivery.outcome import STATE_KEY_PREFIX, OutcomeRecord, text_of
from schemas.outcome import DeadLetterStateName, OutcomeName

_STATES: Final = frozenset(get_args(DeadLetterStateName))
_OUTCOMES: Final = frozenset(get_args(OutcomeName))
# What a replayed record's outcome makes of its dead letter.
STATE_AFTER: Final[dict[OutcomeName, DeadLetterStateName]] = {
    "applied": "applied",
    "duplicate": "applied",
    "superseded": "superseded",
    "stale": "superseded",
    "dead_lettered": "open",
}
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class StateChange(NamedTuple):
    """What became of a dead letter, as `schemas.outcome.DeadLetterState`. `at`: epoch seconds."""

    dead_letter_id: str
    state: DeadLetterStateName
    replay_count: int
    run_id: str | None
    by: str | None
    reason: str | None
    at: float
    outcome: OutcomeName | None = None

    def record(self) -> OutcomeRecord:
        """As it is written."""
        value = {
            "schema": 1,
            "deadLetterId": self.dead_letter_id,
            "state": self.state,
            "replayCount": self.replay_count,
            "runId": self.run_id or None,
            "by": self.by or None,
            "reason": self.reason or None,
            "at": rfc3339(self.at),
            "outcome": self.outcome,
        }
        return OutcomeRecord(state_key(self.dead_letter_id), _encode(value).encode(errors="replace"))


def state_key(dead_letter_id: str) -> bytes:
    """The key of a dead letter's state."""
    return STATE_KEY_PREFIX + dead_letter_id.encode(errors="replace")


def read_state_change(value: bytes) -> StateChange:
    """From the record's value; ValueError where it is none of schema 1."""
    try:
        found: dict[str, Any] = json.loads(text_of(value))
        if found["schema"] != 1 or found["state"] not in _STATES:
            raise ValueError("not a dead letter's state of schema 1")
        outcome = found.get("outcome")
        if outcome is not None and outcome not in _OUTCOMES:
            raise ValueError("not an outcome")
        at = datetime.fromisoformat(found["at"]).astimezone(UTC)
        return StateChange(
            _text(found["deadLetterId"]),
            found["state"],
            _count(found["replayCount"]),
            _maybe(found.get("runId")),
            _maybe(found.get("by")),
            _maybe(found.get("reason")),
            at.timestamp(),
            outcome,
        )
    except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as exc:
        raise ValueError(f"not a dead letter's state: {type(exc).__name__}") from None


def supersedes(later: StateChange, held: StateChange) -> bool:
    """Whether a change that was read later is the newest: `replaying` is never what a replay ended as.

    A batch that is written again can bring a replay's beginning after its end.
    """
    if later.state == "replaying" and held.state != "replaying":
        return later.replay_count > held.replay_count
    return later.replay_count >= held.replay_count or later.state == "discarded"


def _text(found: object) -> str:
    if not isinstance(found, str):
        raise TypeError("not a text")
    return found


def _count(found: object) -> int:
    if type(found) is not int or found < 0:
        raise ValueError("not a count")
    return found


def _maybe(found: object) -> str | None:
    return None if found is None else _text(found)

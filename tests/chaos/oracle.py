"""What must become of every event and session: delivery one by one, in order. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tests.chaos.plan import PlannedEvent


@dataclass(frozen=True, slots=True)
class Oracle:
    """`states`: the name and description that each session ends with. The others are ids of events."""

    states: Mapping[int, tuple[str, str | None]]
    applied: frozenset[str]
    dead: frozenset[str]


def description(event: PlannedEvent) -> str | None:
    """What an event says beside the name, if anything: PATCH leaves what is not said alone."""
    return f"as of {event.id}" if event.describes else None


def deliver(events: Iterable[PlannedEvent]) -> Oracle:
    """Deliver them in the order given, which must be that of each partition."""
    states: dict[int, tuple[str, str | None]] = {}
    applied, dead = set(), set()
    for event in events:
        if event.kind != "good":
            dead.add(event.id)
            continue
        applied.add(event.id)
        described_before = states.get(event.session, ("", None))[1]
        states[event.session] = event.id, description(event) or described_before
    return Oracle(states, frozenset(applied), frozenset(dead))

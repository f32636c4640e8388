"""What was applied last to an account's sessions: for the backlog to ask, and for outcomes to carry."""

from typing import NamedTuple

from consumer.clock import Clock
from consumer.delivery.ledger import Ledger
from consumer.delivery.newness import NOT_READ, Version, newer
from consumer.delivery.outcome import Applied, EventReference, Origin, micros
from consumer.events.model import EventIdentity, SessionKey
from consumer.records import TopicPartition
from schemas.moments import parse_date_time


class About(NamedTuple):
    """Which event an outcome is about."""

    session: SessionKey
    event: EventReference
    origin: Origin


class SessionLedger:
    """A `newness.Ledger` that is kept packed, and kept up with the outcomes topic by who reads it."""

    def __init__(self, wall_clock: Clock) -> None:
        # A tie is won by who is read later.
        self.packed = Ledger(
            lambda later, held: newer(version_of_applied(later, NOT_READ + 1), version_of_applied(held))
        )
        self._wall_clock = wall_clock

    def get(self, session: SessionKey) -> Version | None:
        """The session's last applied event."""
        applied = self.packed.get(session)
        return None if applied is None else version_of_applied(applied)

    def set(self, session: SessionKey, version: Version) -> None:
        """This event was applied, just now."""
        about = about_version(session, version)
        now = self._wall_clock()
        self.packed.put(str(session), Applied(about.event, about.origin, int(now * 1_000_000)), now)

    def applied(self, session: SessionKey) -> Applied | None:
        """The session's last applied event, as its outcomes carry it."""
        return self.packed.get(session)

    def written(self, session: SessionKey) -> None:
        """A record of this session was written, with its last applied event in it."""
        self.packed.put(str(session), self.packed.get(session), self._wall_clock())


def about_version(session: SessionKey, version: Version) -> About:
    """What an outcome says of the event that has this version."""
    return About(
        session,
        EventReference(version.id, version.source, version.time_us, version.revision),
        Origin(version.partition.topic, version.partition.partition, version.offset),
    )


def about_refused(identity: EventIdentity, origin: Origin) -> About | None:
    """What an outcome says of an event that was refused unsent; None where too little could be read."""
    event_id, source, time, session = identity.id, identity.source, identity.time, identity.session
    if not event_id or not source or not time or session is None:
        return None
    try:
        time_us = micros(parse_date_time(time))
    except ValueError:
        return None
    return About(session, EventReference(event_id, source, time_us, identity.revision), origin)


def version_of_applied(applied: Applied, sequence: int = NOT_READ) -> Version:
    """What decides whether another event is newer than this applied one."""
    event, origin, _ = applied
    return Version(
        event.revision,
        event.time_us,
        TopicPartition(origin.topic, origin.partition),
        origin.offset,
        sequence,
        event.source,
        event.id,
    )

"""Replays of few words, for the tests of what becomes of them."""

from consumer.delivery.outcome import Origin
from consumer.delivery.replay import Replay
from consumer.records import Headers, Record

REPLAY_TOPIC = "t.replay"


def replay(offset: int = 7, count: int = 1) -> Replay:
    """A replay of the record that was first read at this offset."""
    origin = Origin("t", 0, offset)
    return Replay(f"t:0:{offset}", origin, count, "run-1", "ann", "2026-11-26T09:00:00Z", "why", mended=False)


def replay_record(at: int, of: Replay, *, value: bytes = b"x", headers: Headers = ()) -> Record:
    """Its record on the replay topic."""
    return Record(REPLAY_TOPIC, 0, at, 0, None, value, headers + of.headers("default"))

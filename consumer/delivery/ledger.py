"""The last applied event of each session, packed: hundreds of thousands of sessions have to fit. Pure."""

from collections.abc import Callable
from itertools import islice
from struct import Struct
from typing import Final

from consumer.delivery.outcome import Applied, EventReference, Origin
from consumer.events.model import SessionKey

# Whether the first, which was read later, is newer than the second (contract, section 6).
Newer = Callable[[Applied, Applied], bool]

# When the session was last heard of (epoch seconds), in front of what is known of it.
_TOUCHED: Final = Struct("<I")
_MAX_TOUCHED: Final = 2**32 - 1
# time, at, revision, partition, offset, numbers of source and topic among the names; then the texts.
_FIXED: Final = Struct("<qqqiqHH")
_NO_REVISION: Final = -1
# Sources and topics are few, so each is kept once; where a publisher makes up a new one for each event,
# those beyond this number stand beside their event.
_MAX_NAMES: Final = 1_000
_INLINE: Final = 0xFFFF


class Ledger:
    """What the outcomes topic says, as its records came. Sessions without an applied event count too."""

    def __init__(self, newer: Newer) -> None:
        self._newer = newer
        self._sessions: dict[bytes, bytes] = {}
        self._behind: set[bytes] = set()
        self._numbers: dict[str, int] = {}
        self._names: list[str] = []

    def __len__(self) -> int:
        """How many sessions are known."""
        return len(self._sessions)

    def get(self, session: SessionKey) -> Applied | None:
        """The session's last applied event."""
        held = self._sessions.get(_packed_key(str(session)))
        return None if held is None else self._unpack(held[_TOUCHED.size :])

    def put(self, session: str, applied: Applied | None, touched: float) -> None:
        """A record of this session carries this `applied`: keep the newest of all.

        `session` as in the record's key, `touched` the record's time in epoch seconds. Raises ValueError
        where a text can't be kept (lone surrogates).
        """
        key = _packed_key(session)
        held = self._sessions.get(key, b"")
        then, kept = held[: _TOUCHED.size], held[_TOUCHED.size :]
        new = self._pack(applied)
        if new != kept and kept and (applied is None or not self._is_newer(applied, kept)):
            self._behind.add(key)
        else:
            kept = new
            self._behind.discard(key)
        now = min(_MAX_TOUCHED, max(0, int(touched)))
        if then:
            now = max(now, _TOUCHED.unpack(then)[0])
        self._sessions[key] = _TOUCHED.pack(now) + kept

    def forget(self, session: str, untouched_since: float) -> None:
        """A tombstone of this session came: forget it, if nothing was heard of it since that time.

        Else the tombstone is a former owner's, come late: the session must be written again.
        """
        key = _packed_key(session)
        held = self._sessions.get(key)
        if held is None:
            return
        if _TOUCHED.unpack_from(held)[0] <= untouched_since:
            del self._sessions[key]
            self._behind.discard(key)
        elif len(held) > _TOUCHED.size:
            self._behind.add(key)

    def untouched_since(self, epoch_seconds: float, at_most: int) -> list[SessionKey]:
        """Sessions of which no record was written since then, `at_most` so many: each gets a tombstone."""
        found = (key for key, held in self._sessions.items() if _TOUCHED.unpack_from(held)[0] < epoch_seconds)
        return [_session(key) for key in islice(found, at_most)]

    def to_rewrite(self) -> list[tuple[SessionKey, Applied]]:
        """Sessions whose last record does not carry their newest `applied`: each is written again."""
        found = ((key, self._unpack(self._sessions[key][_TOUCHED.size :])) for key in self._behind)
        return [(_session(key), applied) for key, applied in found if applied is not None]

    def _is_newer(self, applied: Applied, kept: bytes) -> bool:
        held = self._unpack(kept)
        if held is None:
            return True
        # The same one called for twice: a crash between the call and its outcome.
        if applied[:2] == held[:2]:
            return applied.at_us > held.at_us
        return self._newer(applied, held)

    def _pack(self, applied: Applied | None) -> bytes:
        if applied is None:
            return b""
        event, origin, at_us = applied
        source, topic = self._number(event.source), self._number(origin.topic)
        texts = event.id
        if source == _INLINE:
            texts += "\0" + event.source
        if topic == _INLINE:
            texts += "\0" + origin.topic
        revision = _NO_REVISION if event.revision is None else event.revision
        fixed = _FIXED.pack(event.time_us, at_us, revision, origin.partition, origin.offset, source, topic)
        return fixed + texts.encode()

    def _unpack(self, kept: bytes) -> Applied | None:
        if not kept:
            return None
        time_us, at_us, revision, partition, offset, source, topic = _FIXED.unpack_from(kept)
        event_id, *inline = kept[_FIXED.size :].decode().split("\0")
        return Applied(
            EventReference(
                event_id,
                inline.pop(0) if source == _INLINE else self._names[source],
                time_us,
                None if revision == _NO_REVISION else revision,
            ),
            Origin(inline.pop(0) if topic == _INLINE else self._names[topic], partition, offset),
            at_us,
        )

    def _number(self, name: str) -> int:
        number = self._numbers.get(name)
        if number is None:
            if len(self._names) >= _MAX_NAMES:
                return _INLINE
            number = self._numbers[name] = len(self._names)
            self._names.append(name)
        return number


def _packed_key(session: str) -> bytes:
    """Two characters a byte: the digits, and `a` for the slash; filled up with an `f`."""
    digits = session.replace("/", "a")
    return bytes.fromhex(digits if len(digits) % 2 == 0 else digits + "f")


def _session(key: bytes) -> SessionKey:
    return SessionKey(*key.hex().rstrip("f").split("a"))

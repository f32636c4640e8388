"""What somebody writes to our topics who wishes us ill: records that are almost ours."""

import json
from typing import Any

from consumer.delivery.outcome import STATE_KEY_PREFIX
from consumer.records import Record
from schemas import dead_letter as names
from tests.fakes.dlq_topics import Failed

# Moves the cursor, clears the screen, sets the title, turns the writing round, rings, breaks the line.
TERMINAL = "\x1b[2J\x1b]0;owned\x07\u202eevil\r\nfake line\u2028\x9b31m\x00"
HUGE_NUMBER = "9" * 5_000
ODD_TEXTS = (
    TERMINAL,
    "",
    "x" * 100_000,
    "../../../etc/passwd",
    "=cmd|' /C calc'!A0",
    "\ud800",
    "%s%n{0}",
    HUGE_NUMBER,
)
ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    10**30,
    1.5,
    1e308,
    "",
    TERMINAL,
    [],
    [[]],
    {},
    {"a": []},
    "\ud800",
)
FORGED = Failed(minute=70, number=7)


def outcomes(session: str, dead_letter_id: str) -> list[tuple[bytes, bytes]]:
    """Keys and values of the outcomes topic: each field of a good one in turn as everything it can't be."""
    event = {"id": "e", "source": "s", "time": "2026-01-01T00:00:00Z", "revision": 1}
    origin = {"topic": "t", "partition": 0, "offset": 1}
    outcome: dict[str, Any] = {
        "schema": 1,
        "session": session,
        "event": event,
        "origin": origin,
        "outcome": "stale",
        "by": None,
        "deadLetterId": dead_letter_id,
        "errorClass": None,
        "at": "2026-01-01T00:00:00Z",
        "applied": None,
    }
    state: dict[str, Any] = {
        "schema": 1,
        "deadLetterId": dead_letter_id,
        "state": "applied",
        "replayCount": 1,
        "runId": "run-1",
        "by": "ann",
        "reason": None,
        "at": "2026-01-01T00:00:00Z",
        "outcome": "applied",
    }
    state_key = STATE_KEY_PREFIX + dead_letter_id.encode()
    found = [(session.encode(), each) for each in _broken(outcome)] + [
        (state_key, each) for each in _broken(state)
    ]
    for odd in ODD_VALUES:
        found += [(session.encode(), _json(outcome | {"event": event | {name: odd}})) for name in event] + [
            (session.encode(), _json(outcome | {"origin": origin | {name: odd}})) for name in origin
        ]
    junk = (b"", b"\xff", b"[" * 100_000, b"{" * 10, HUGE_NUMBER.encode(), b"null", b"[]")
    return found + [(key, value) for value in junk for key in (session.encode(), state_key, b"\xff", b"")]


def letters() -> list[Record]:
    """Dead letters, each of our headers in turn as everything it shouldn't be."""
    good = FORGED.letter()
    found = []
    for name in sorted(names.RESERVED_NAMES):
        for odd in ODD_TEXTS:
            raw = odd.encode(errors="surrogatepass")
            changed = tuple((each, raw if each == name else value) for each, value in good.headers)
            found.append(
                _with(
                    good,
                    changed if any(each == name for each, _ in good.headers) else (*changed, (name, raw)),
                )
            )
    return found


def replays() -> list[Record]:
    """Records of the replay topic, the same."""
    good = FORGED.replay()
    return [
        _with(
            good,
            tuple(
                (each, odd.encode(errors="surrogatepass") if each == name else value)
                for each, value in good.headers
            ),
        )
        for name, _ in good.headers
        for odd in ODD_TEXTS
    ]


def _broken(good: dict[str, Any]) -> list[bytes]:
    found = [_json(good | {name: odd}) for name in good for odd in ODD_VALUES]
    return found + [_json({each: value for each, value in good.items() if each != name}) for name in good]


def _json(found: dict[str, Any]) -> bytes:
    # As we write it ourselves, so that the quick way of reading is taken where there is one.
    return json.dumps(found, separators=(",", ":")).encode()


def _with(record: Record, headers: Any) -> Record:
    return Record(
        record.topic, record.partition, record.offset, record.timestamp_ms, record.key, record.value, headers
    )

"""The W3C trace context that an event came with, so that its trace goes on here. Pure.

Sources: W3C Trace Context (level 1), and CloudEvents' extension "Distributed Tracing".
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

MAX_TRACESTATE_CHARACTERS: Final = 512
MAX_TRACESTATE_MEMBERS: Final = 32

_TRACEPARENT: Final = re.compile(
    r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL
)
# A tracestate's member: a system's key, or a tenant's at a system; printable ASCII but comma and equals sign.
_MEMBER: Final = re.compile(
    r"([a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})"
    r"=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
)
# Of the record first: whoever sent it saw to it last. Then the event's own, from when it was made.
_CARRIERS: Final = (("traceparent", "tracestate"), ("ce_traceparent", "ce_tracestate"))
# "Sampled", and level 2's "random"; flags that are not known must not be handed on.
_KNOWN_FLAGS: Final = 0b11
TRACE_HEADERS: Final = frozenset(name for carrier in _CARRIERS for name in carrier)
_MAX_TRACEPARENT_CHARACTERS: Final = 256


class TraceContext(NamedTuple):
    """Whose part an event is. `state` is the `tracestate`, untouched."""

    trace_id: str
    parent_id: str
    flags: int
    state: str | None = None

    @property
    def traceparent(self) -> str:
        """As it is written, in version 00."""
        return f"00-{self.trace_id}-{self.parent_id}-{self.flags:02x}"


def trace_in_headers(found: Mapping[str, bytes | None]) -> TraceContext | None:
    """From a record's headers, by name; None where they have none that is valid.

    What is not valid is passed over, as the standard asks: it is no reason to refuse an event, and hides
    no valid one of the event's own.
    """
    for parent, state in _CARRIERS:
        if context := _context(_ascii(found.get(parent)), _ascii(found.get(state))):
            return context
    return None


def trace_in_event(event: Mapping[str, object]) -> TraceContext | None:
    """The same from an event in structured mode."""
    return _context(event.get("traceparent"), event.get("tracestate"))


def _context(parent: object, state: object) -> TraceContext | None:
    if not isinstance(parent, str) or len(parent) > _MAX_TRACEPARENT_CHARACTERS:
        return None
    match = _TRACEPARENT.fullmatch(parent)
    if match is None:
        return None
    version, trace_id, parent_id, flags, more = match.groups()
    # A later version may have more fields; 00 has none.
    if version == "ff" or (version == "00" and more) or not trace_id.strip("0") or not parent_id.strip("0"):
        return None
    return TraceContext(trace_id, parent_id, int(flags, 16) & _KNOWN_FLAGS, _state(state))


def _state(state: object) -> str | None:
    """As it came, or None where one member is not as the standard has it.

    Tools that take it from here complain of a bad one in their logs, and quote it.
    """
    if not isinstance(state, str) or len(state) > MAX_TRACESTATE_CHARACTERS:
        return None
    members = [member.strip(" \t") for member in state.split(",")]
    found = [_MEMBER.fullmatch(member) for member in members if member]  # empty ones are allowed
    keys = {match[1] for match in found if match}
    good = 0 < len(found) == len(keys) and len(members) <= MAX_TRACESTATE_MEMBERS
    return state if good else None


def _ascii(value: bytes | None) -> str | None:
    return value.decode() if value is not None and value.isascii() else None

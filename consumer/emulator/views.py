"""The emulator's state as JSON. Tokens and secrets are no part of it."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from consumer.emulator import throttle
from consumer.emulator.audit import Audit
from consumer.emulator.faults import Fault
from consumer.emulator.sessions import Call, Session
from consumer.emulator.state import Portal


def audit_json(audit: Audit) -> dict[str, Any]:
    """The fields of `Audit` by name."""
    return asdict(audit)


def portal_json(portal: Portal, now: float) -> dict[str, Any]:
    """What a caller would find at this moment. Times are seconds."""
    limits, state = portal.options.limits, portal.throttle
    return {
        "locked": state.is_locked(now),
        "lock_seconds_left": state.lock_seconds_left(now),
        "free_slots": throttle.free_slots(limits, state, now),
        "limits": asdict(limits),
        "left_today": portal.left_today(now),
        "live_tokens": len(portal.tokens.live),
        "refresh_token_revoked": portal.tokens.revoked,
        "faults": [fault_json(fault) for fault in portal.faults],
        "sessions": len(portal.sessions),
    }


def fault_json(fault: Fault) -> dict[str, Any]:
    """The fault's fields that are set."""
    return {name: value for name, value in asdict(fault).items() if value is not None}


def session_json(session: Session, epoch_offset_seconds: float, *, with_calls: bool) -> dict[str, Any]:
    """A session's ids, fields and number of writes, and the calls that are kept."""
    view: dict[str, Any] = {**session.path._asdict(), "fields": session.fields, "writes": session.writes}
    if with_calls:
        view["calls"] = [call_json(call, epoch_offset_seconds) for call in session.calls]
    else:
        view["calls"] = len(session.calls)
    return view


def call_json(call: Call, epoch_offset_seconds: float) -> dict[str, Any]:
    """A call's fields, and when it arrived by the wall clock (`at`, RFC 3339)."""
    at = datetime.fromtimestamp(call.arrived_at + epoch_offset_seconds, UTC)
    return {"at": at.isoformat(timespec="milliseconds"), **asdict(call), "path": "/".join(call.path)}

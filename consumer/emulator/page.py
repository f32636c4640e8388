"""The state as one readable page."""

from collections import Counter
from collections.abc import Iterable
from html import escape
from itertools import islice

from consumer.emulator import throttle
from consumer.emulator.faults import Fault
from consumer.emulator.state import Portal

SESSIONS_SHOWN = 100
WINDOWS_SHOWN = 10
_COLUMNS = ("sessionId", "name", "date", "startTime", "endTime", "writes", "last answer")
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:64rem;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;margin:.5rem 0 1.5rem}td,th{padding:.2rem .8rem;"
    "border-bottom:1px solid #ddd;text-align:left}"
    ".locked{color:#b00020;font-weight:bold}h2{font-size:1.1rem;margin-top:2rem}"
)


def page(portal: Portal, now: float) -> str:
    """Write the page: the lock, the quota, calls per window, faults, and the latest sessions."""
    return (
        "<!DOCTYPE html><html lang=en><head><meta charset=utf-8><meta http-equiv=refresh content=2>"
        f"<title>Emulated Zoho People</title><style>{_STYLE}</style></head><body>"
        f"<h1>Emulated Zoho People</h1>{_summary(portal, now)}"
        f"<h2>Calls per window</h2>{_windows(portal, now)}"
        f"<h2>Answers</h2>{_table(('answer', 'calls'), portal.audit().answers.items())}"
        f"<h2>Faults</h2>{_faults(portal)}"
        f"<h2>Sessions</h2>{_sessions(portal)}"
        "<p>As JSON: <a href=/_emulator/audit>audit</a>, <a href=/_emulator/state>state</a>, "
        "<a href=/_emulator/sessions>sessions</a></p></body></html>"
    )


def _summary(portal: Portal, now: float) -> str:
    limits, audit = portal.options.limits, portal.audit()
    left_today = portal.left_today(now)
    state = f"open, {throttle.free_slots(limits, portal.throttle, now)} of {limits.requests} calls free"
    if portal.throttle.is_locked(now):
        state = f"<span class=locked>locked for {portal.throttle.lock_seconds_left(now):.1f} s more</span>"
    rows = (
        ("calls so far", f"{audit.calls}, {audit.writes} changes written"),
        (f"most in any {limits.window_seconds:g} s", f"{audit.most_in_window} of {limits.requests} allowed"),
        ("locks tripped", f"{audit.locks}, {audit.calls_during_lock} calls during one"),
        ("left today", "no limit" if left_today is None else str(left_today)),
        (
            "access tokens",
            f"{audit.mints} minted{', refresh token revoked' if portal.tokens.revoked else ''}",
        ),
    )
    return f"<p>The API is {state}.</p>{_table((), rows)}"


def _windows(portal: Portal, now: float) -> str:
    seconds = portal.options.limits.window_seconds
    ages = (int((now - at) // seconds) for at in portal.audit().arrivals)
    counts = Counter(age for age in ages if age < WINDOWS_SHOWN)
    rows = [(f"{age * seconds:g} to {(age + 1) * seconds:g}", counts[age]) for age in range(WINDOWS_SHOWN)]
    return _table(("seconds ago", "calls"), rows)


def _faults(portal: Portal) -> str:
    rows = [
        (fault.kind, _struck(fault), "all" if fault.calls is None else fault.calls) for fault in portal.faults
    ]
    return _table(("fault", "for", "calls left"), rows) if rows else "<p>None.</p>"


def _struck(fault: Fault) -> str:
    if fault.session_id is None and fault.course_id is not None:
        return f"course {fault.course_id}"
    return fault.session_id or "every session"


def _sessions(portal: Portal) -> str:
    latest = islice(reversed(list(portal.sessions)), SESSIONS_SHOWN)
    rows = [
        (
            session.path.session_id,
            *(session.fields.get(name, "") for name in _COLUMNS[1:5]),
            session.writes,
            (session.calls[-1].fault or session.calls[-1].verdict) if session.calls else "",
        )
        for session in latest
    ]
    more = len(portal.sessions) - len(rows)
    return _table(_COLUMNS, rows) + (f"<p>… and {more} more.</p>" if more > 0 else "")


def _table(heads: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"

"""Whose fault a class of dead letters is, and the one thing to do next. Pure."""

from typing import NamedTuple

from schemas.error_class import ErrorClass


class Advice(NamedTuple):
    """`fault`: who has to act; `next_step`: a sentence; `page`: the runbook's page."""

    fault: str
    next_step: str
    page: str


_STEPS: dict[ErrorClass, tuple[str, str]] = {
    ErrorClass.EVENT_UNREADABLE: ("publisher", "Show one to its publisher, have it published anew, discard."),
    ErrorClass.EVENT_INVALID: ("publisher", "Show one to its publisher, have it published anew, discard."),
    ErrorClass.EVENT_UNMAPPABLE: ("publisher", "Have the session changed to what Zoho can hold, discard."),
    ErrorClass.SESSION_NOT_FOUND: ("zoho data", "Make the session in Zoho, then replay."),
    ErrorClass.REJECTED_BY_ZOHO: ("zoho data", "Read what Zoho said, mend it there, then replay."),
    ErrorClass.FORBIDDEN_BY_ZOHO: ("zoho rights", "Grant the account the right to the course, then replay."),
    ErrorClass.LIMIT_EXCEEDED: ("zoho plan", "Find which limit it is, raise it, then replay."),
    ErrorClass.FAILED_AT_ZOHO: ("zoho", "Replay once Zoho answers well again."),
    ErrorClass.OUTCOME_UNKNOWN: ("network", "Look in Zoho whether it was applied, else replay."),
}


def advice(error_class: str) -> Advice:
    """What to do about a class; of one that a newer release made, to read its message."""
    try:
        known = ErrorClass(error_class)
    except ValueError:
        return Advice(
            "unknown", "Read what went wrong; this release does not know the class.", "docs/runbook"
        )
    fault, step = _STEPS[known]
    return Advice(fault, step, f"docs/runbook/{known}.md")

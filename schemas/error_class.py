"""Why an event ended in the dead-letter topic."""

from enum import StrEnum


class ErrorClass(StrEnum):
    """The value of `dlq.error.class`, and the metric label `error_class`."""

    EVENT_UNREADABLE = "event_unreadable"
    EVENT_INVALID = "event_invalid"
    EVENT_UNMAPPABLE = "event_unmappable"
    SESSION_NOT_FOUND = "session_not_found"
    REJECTED_BY_ZOHO = "rejected_by_zoho"
    FORBIDDEN_BY_ZOHO = "forbidden_by_zoho"
    LIMIT_EXCEEDED = "limit_exceeded"
    FAILED_AT_ZOHO = "failed_at_zoho"
    OUTCOME_UNKNOWN = "outcome_unknown"

    @property
    def retryable(self) -> bool:
        """Whether the same record may succeed later (a clock that ran ahead is the one exception)."""
        return self not in _PERMANENT

    @property
    def runbook_page(self) -> str:
        """The page that says what to do: its path within the repository."""
        return f"docs/runbook/{self.replace('_', '-')}.md"


_PERMANENT = frozenset(
    {
        ErrorClass.EVENT_UNREADABLE,
        ErrorClass.EVENT_INVALID,
        ErrorClass.EVENT_UNMAPPABLE,
        ErrorClass.REJECTED_BY_ZOHO,
    }
)

"""The runbook (docs/runbook): a page for every error class and account state, and the next step. Pure."""

from typing import Final, Literal, NamedTuple

from consumer.delivery.gate import AccountState
from schemas.error_class import ErrorClass

# Where `docs/` can be read: pyproject's [project.urls] Documentation, with a slash at its end. None yet.
BASE_URL: Final = ""

# `portal`: who keeps courses, rights and plan in Zoho People. `Zoho`: its service, or the way to it.
Fault = Literal["publisher", "portal", "Zoho"]


class Advice(NamedTuple):
    """Whose fault an error class usually is, and the one thing to do next, as a sentence."""

    fault: Fault
    next_step: str


class NextStep(NamedTuple):
    """The same of a class that is only a text, with the page to read."""

    fault: str
    next_step: str
    runbook: str


ADVICE: Final[dict[ErrorClass, Advice]] = {
    ErrorClass.EVENT_UNREADABLE: Advice(
        "publisher", "Ask the publisher to send it again as JSON; `dlq show ID` says where it breaks."
    ),
    ErrorClass.EVENT_INVALID: Advice(
        "publisher", "Ask the publisher to mend the fields that `dlq show ID` names, and to send it again."
    ),
    ErrorClass.EVENT_UNMAPPABLE: Advice(
        "publisher", "Ask the publisher for times that Zoho can hold; if there are many, check the time zone."
    ),
    ErrorClass.SESSION_NOT_FOUND: Advice(
        "portal", "Look for the session in Zoho; once it is there, `dlq replay` with `--canary 5`."
    ),
    ErrorClass.REJECTED_BY_ZOHO: Advice(
        "publisher", "Read Zoho's words in `dlq show ID`: the change or its course has to be mended first."
    ),
    ErrorClass.FORBIDDEN_BY_ZOHO: Advice(
        "portal", "Give the credential's user the right to that course, then `dlq replay` with `--canary 5`."
    ),
    ErrorClass.LIMIT_EXCEEDED: Advice(
        "portal", "Ask the portal's administrator which limit is reached; replay once there is room."
    ),
    ErrorClass.FAILED_AT_ZOHO: Advice(
        "Zoho", "Wait until Zoho is well, then `dlq replay` with `--canary 5`; if it fails again, tell Zoho."
    ),
    ErrorClass.OUTCOME_UNKNOWN: Advice(
        "Zoho", "Replay it with `--canary 5`: to apply the same change twice does no harm."
    ),
}

PAGES: Final[dict[str, str]] = {
    **{error_class: error_class.runbook_page for error_class in ErrorClass},
    **{state: f"docs/runbook/{state.replace('_', '-')}.md" for state in AccountState},
}
"""The page of each error class and account state: its path within the repository."""


def url(name: str) -> str:
    """Where the page of an error class or account state can be read. Raises KeyError for any other name."""
    return BASE_URL + PAGES[name]


def advice(error_class: str) -> NextStep:
    """What to do about a class, whichever release wrote it."""
    for known, found in ADVICE.items():
        if known == error_class:
            return NextStep(*found, url(known))
    unknown = "Read what went wrong in `dlq show ID`; this release does not know the class."
    return NextStep("unknown", unknown, f"{BASE_URL}docs/runbook")

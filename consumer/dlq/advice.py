"""Whose fault a class of dead letters is, and the one thing to do next, by the runbook. Pure."""

from typing import NamedTuple

from consumer import runbook


class Advice(NamedTuple):
    """`fault`: who has to act; `next_step`: a sentence; `runbook`: its page."""

    fault: str
    next_step: str
    runbook: str


_OF_A_NEWER_RELEASE = Advice(
    "unknown", "Read what went wrong in `dlq show ID`; this release does not know the class.", "docs/runbook"
)


def advice(error_class: str) -> Advice:
    """What to do about a class, whichever release wrote it."""
    for known, (fault, next_step) in runbook.ADVICE.items():
        if known == error_class:
            return Advice(fault, next_step, runbook.url(known))
    return _OF_A_NEWER_RELEASE

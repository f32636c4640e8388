"""What the one real call came to, in words: the verdict, the echo, and what `run` would make of it. Pure."""

from collections.abc import Iterator
from typing import assert_never

from consumer.check.rows import Gravity, Group, Row
from consumer.delivery.verdicts import (
    Applied,
    CallReport,
    CredentialRefused,
    CredentialReplaced,
    DailyQuotaUsed,
    Failed,
    Forbidden,
    Locked,
    MaximumLimit,
    NoAnswer,
    Refused,
    TokenDead,
    TokenThrottled,
    Unreachable,
    Withheld,
    ZohoAnswer,
)
from consumer.events.model import Event, InputStyle
from consumer.settings import AccountSettings

_OTHER_STYLES = "Zoho may not have read `sessionData` in this style: try another CONSUMER_ZOHO_INPUT."
# What to do about a token that was not to be had stands there, and nowhere else.
_ADVISED_THERE = "Zoho gave no token: the row of the token says what to do."
_IN_ALL_STYLES: dict[InputStyle, str] = {
    "query": "as the parameter `sessionData` of the query",
    "json": "as a JSON body",
    "form": "as the form field `sessionData`",
    "both": "as the parameter `sessionData` of the query and as a JSON body",
}


def call_rows(report: CallReport, event: Event, settings: AccountSettings, account: str) -> Iterator[Row]:
    """The call's rows; never quotes the event but for its ids."""
    group = Group("call", account)
    style = settings.zoho_input
    yield _verdict(report, group)
    verdict = report.verdict
    if isinstance(verdict, Applied):
        yield _echo(verdict, event, settings, group)
    if report.sent:
        left = "" if report.left_today is None else f"; Zoho says that {report.left_today} are left today"
        found = f"sessionData went {_IN_ALL_STYLES[style]} (CONSUMER_ZOHO_INPUT={style})"
        yield group.ok("sent", found)
        yield group.ok("slot", f"one call of the quota, on record in the group's commit{left}")


def unanswered(event: Event, account: str) -> Row:
    """There was a call, and its answer was not waited for."""
    found = "the call was made, its answer is not known: Zoho may have applied it"
    todo = f"Look at session {event.session.session_id} in Zoho. The call counts in the quota."
    return Group("call", account).bad(Gravity.UNREACHABLE, "verdict", found, todo)


def not_made(reason: str, *, owned: bool, account: str, todo: str = "Try again then.") -> Row:
    """There was no call."""
    gravity = Gravity.REFUSED if owned else Gravity.FINDING
    return Group("call", account).bad(gravity, "not made", reason, OWNED_TODO if owned else todo)


OWNED_TODO = (
    "Nothing was sent, and the group was left alone: only its owner may call for an account. Publish the "
    "event instead (session-consumer event publish), or stop the consumer and check again."
)


def _verdict(report: CallReport, group: Group) -> Row:  # noqa: C901, PLR0911, PLR0912  (a case for each verdict)
    verdict = report.verdict
    match verdict:
        case Applied():
            return group.ok("verdict", "applied: Zoho says that it stored the session")
        case Refused():
            missing = verdict.error_class == "session_not_found"
            todo = "Look for course, batch, module and session in Zoho." if missing else _OTHER_STYLES
            found = f"refused{_said(verdict.answer)}: `run` would dead-letter it as {verdict.error_class}"
            return group.bad(Gravity.FINDING, "verdict", found, todo)
        case Forbidden():
            todo = "Give the credential's user the right to update this course's sessions."
            return group.bad(Gravity.REFUSED, "verdict", f"forbidden{_said(verdict.answer)}", todo)
        case Locked() | MaximumLimit():
            todo = "`run` makes no call until the lock is over; look for others who call with this account."
            return group.bad(Gravity.FINDING, "verdict", f"the API is locked{_said(verdict.answer)}", todo)
        case DailyQuotaUsed():
            todo = "Wait for Zoho's next day."
            found = f"the day's calls are used up{_said(verdict.answer)}"
            return group.bad(Gravity.FINDING, "verdict", found, todo)
        case TokenDead():
            todo = "Are the accounts host and the People host of one data centre (CONSUMER_ZOHO_DATA_CENTRE)?"
            found = f"Zoho refuses the token that was just minted{_said(verdict.answer)}"
            return group.bad(Gravity.REFUSED, "verdict", found, todo)
        case CredentialRefused():
            if verdict.answer is None:
                return group.bad(Gravity.REFUSED, "verdict", f"not sent: {verdict.reason}", _ADVISED_THERE)
            todo = "Make a new refresh token with the scope ZOHOPEOPLE.training.ALL."
            return group.bad(Gravity.REFUSED, "verdict", f"{verdict.reason}{_said(verdict.answer)}", todo)
        case TokenThrottled():
            return group.bad(Gravity.FINDING, "verdict", f"not sent: {verdict.reason}", _ADVISED_THERE)
        case Failed():
            found = f"{verdict.reason}{_said(verdict.answer)}: `run` would try again"
            return group.bad(Gravity.UNREACHABLE, "verdict", found, "Try again; if it stays, tell Zoho.")
        case NoAnswer():
            found = f"no answer ({verdict.reason}): it may have been applied. `run` would try again"
            return group.bad(Gravity.UNREACHABLE, "verdict", found, "Look at the session in Zoho.")
        case Unreachable():
            todo = "Check the way to Zoho: the rows of the network."
            return group.bad(Gravity.UNREACHABLE, "verdict", f"not sent: {verdict.reason}", todo)
        case Withheld() | CredentialReplaced():
            return group.bad(Gravity.FINDING, "verdict", "not sent", "Try again.")
        case _:
            assert_never(verdict)


def _said(answer: ZohoAnswer) -> str:
    code = f", code {answer.code}" if answer.code else ""
    message = f": {answer.message}" if answer.message else ""
    return f" (HTTP {answer.http_status}{code}{message})"


def _echo(verdict: Applied, event: Event, settings: AccountSettings, group: Group) -> Row:
    if not verdict.echo_differences:
        found = f"nothing that Zoho shows of session {event.session.session_id} differs from what was sent"
        return group.ok("echo", found)
    fields = [difference.field for difference in verdict.echo_differences]
    consequence = {
        "warn": "`run` would warn",
        "hold": "`run` would hold the account",
        "off": "`run` would say nothing",
    }[settings.zoho_verify_echo]
    found = f"Zoho shows another {', '.join(fields)} than was sent: {consequence}"
    todo = (
        f"Look at the session in Zoho. Is {settings.zoho_time_zone} the portal's time zone? {_OTHER_STYLES}"
    )
    if "sessionId" in fields:
        todo = "Zoho answered for another session: look at both in Zoho before you run the consumer."
    return group.bad(Gravity.FINDING, "echo", found, todo)

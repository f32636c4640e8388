"""Every verdict of a call in words, with what to do."""

from datetime import UTC, datetime

import pytest

from consumer.check.rows import Gravity, Mark
from consumer.check.send_rows import call_rows, not_made
from consumer.check.zoho_rows import TokenAnswers, ZohoAccess, call_token_rows
from consumer.delivery.verdicts import (
    Applied,
    CallReport,
    CredentialRefused,
    DailyQuotaUsed,
    EchoDifference,
    Failed,
    Forbidden,
    Locked,
    MaximumLimit,
    NoAnswer,
    Refused,
    TokenDead,
    TokenThrottled,
    Unreachable,
    Verdict,
    Withheld,
    ZohoAnswer,
)
from consumer.events.model import Event, SessionKey
from consumer.settings import AccountSettings
from consumer.zoho.oauth import Credential

ACCESS = ZohoAccess(
    "https://people.example.org", "https://a.example.org", Credential("i", "c", "r"), 9.0, 1.0
)
SAID = ZohoAnswer(400, "7218", "Invalid OAuth Scope")
NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
EVENT = Event("1", "/x", NOON, SessionKey("1", "2", "3", "4"), None, NOON, {"name": "s3cret-name"})


def settings(**changes: object) -> AccountSettings:
    """An account's."""
    needed = {
        "zoho_client_id": "i",
        "zoho_client_secret": "c",
        "zoho_refresh_token": "r",
        "zoho_time_zone": "UTC",
    }
    return AccountSettings.model_validate(needed | changes)


@pytest.mark.parametrize(
    ("verdict", "gravity", "said"),
    [
        (Refused("session_not_found", SAID), Gravity.FINDING, "session_not_found"),
        (Refused("rejected_by_zoho", SAID), Gravity.FINDING, "rejected_by_zoho"),
        (Forbidden(SAID), Gravity.REFUSED, "forbidden"),
        (Locked(SAID), Gravity.FINDING, "locked"),
        (MaximumLimit(SAID), Gravity.FINDING, "locked"),
        (DailyQuotaUsed(SAID), Gravity.FINDING, "used up"),
        (TokenDead(SAID), Gravity.REFUSED, "just minted"),
        (CredentialRefused("the scope is missing", SAID), Gravity.REFUSED, "scope is missing"),
        (CredentialRefused("the client is unknown"), Gravity.REFUSED, "not sent: the client is unknown"),
        (TokenThrottled("too many", 600.0), Gravity.FINDING, "not sent: too many"),
        (Failed("an error of Zoho's", SAID), Gravity.UNREACHABLE, "try again"),
        (NoAnswer("time-out"), Gravity.UNREACHABLE, "may have been applied"),
        (Unreachable("reset"), Gravity.UNREACHABLE, "not sent"),
        (Withheld(), Gravity.FINDING, "not sent"),
    ],
)
def test_every_verdict_is_explained(verdict: Verdict, gravity: Gravity, said: str) -> None:
    """With what to do, and no content of the event."""
    row, *rest = call_rows(CallReport(verdict, sent=False), EVENT, settings(), "")

    assert (row.subject, row.gravity, rest) == ("verdict", gravity, [])
    assert said in row.found
    assert row.todo
    assert "s3cret" not in row.found + row.todo


def test_an_applied_call_tells_echo_input_style_and_slot() -> None:
    """All well, with the day's rest where Zoho told it."""
    rows = list(call_rows(CallReport(Applied(), sent=True, left_today=14_809), EVENT, settings(), ""))

    assert {row.mark for row in rows} == {Mark.OK}
    assert [row.subject for row in rows] == ["verdict", "echo", "sent", "slot"]
    assert "CONSUMER_ZOHO_INPUT=query" in rows[2].found
    assert "14809 are left today" in rows[3].found


@pytest.mark.parametrize(
    ("verify", "fields", "said"),
    [
        ("warn", ["sessionStartTime"], "`run` would warn"),
        ("hold", ["sessionStartDate", "sessionEndTime"], "`run` would hold the account"),
        ("off", ["sessionId"], "`run` would say nothing"),
    ],
)
def test_an_echo_that_differs_is_explained(verify: str, fields: list[str], said: str) -> None:
    """Which fields, what `run` would do, and what may be wrong: the zone, or another session."""
    applied = Applied(tuple(EchoDifference(field) for field in fields))
    echo = list(call_rows(CallReport(applied, sent=True), EVENT, settings(zoho_verify_echo=verify), ""))[1]

    assert echo.gravity is Gravity.FINDING
    assert said in echo.found
    assert all(field in echo.found for field in fields)
    assert ("another session" if "sessionId" in fields else "time zone") in echo.todo


def test_an_owned_account_is_a_refusal_and_all_else_a_finding() -> None:
    """The exit code tells a script which of the two it was."""
    assert not_made("m owns it", owned=True, account="").gravity is Gravity.REFUSED
    assert not_made("locked", owned=False, account="").gravity is Gravity.FINDING


@pytest.mark.parametrize("error", ["invalid_client", "invalid_client_secret", "invalid_code"])
def test_a_credential_that_gave_no_token_is_advised_on_once(error: str) -> None:
    """What to mend stands with the token; the verdict says to look there, and nothing of its own."""
    refused = CredentialRefused("no")
    (verdict,) = call_rows(CallReport(refused, sent=False), EVENT, settings(), "")
    token = call_token_rows(refused, TokenAnswers(content={"error": error}), ACCESS, "")[0]

    assert ("token" in verdict.todo, "Make a new" in verdict.todo) == (True, False)
    assert ("refresh token" in token.todo) == (error == "invalid_code")
    assert ("CONSUMER_ZOHO_CLIENT_SECRET" in token.todo) == (error != "invalid_code")

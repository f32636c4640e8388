"""The token's and the clock's rows."""

import time
from dataclasses import replace
from email.utils import formatdate

import pytest

from consumer.check.rows import Gravity, Group, Mark
from consumer.check.zoho_rows import (
    TokenAnswers,
    ZohoAccess,
    call_token_rows,
    clock_row,
    judged,
    token_rows,
)
from consumer.delivery.mint_budget import MintBudget
from consumer.delivery.verdicts import Applied, CredentialRefused, TokenThrottled, Unreachable
from consumer.settings.zoho_urls import DATA_CENTRES
from consumer.zoho.answer import Answer
from consumer.zoho.oauth import AccessToken, Credential

EU = DATA_CENTRES["eu"]
CREDENTIAL = Credential("id", "secret", "token")
ACCESS = ZohoAccess(EU.people_url, EU.accounts_url, CREDENTIAL, 15.0, 1.0)
ZOHO = Group("zoho")
MINTED = AccessToken("t")


def answered(**content: object) -> TokenAnswers:
    """What the accounts host said."""
    return TokenAnswers(content=content)


def test_a_token_of_another_data_centre() -> None:
    """Its own word for where it belongs against the People host: refused, with the setting to make."""
    token, scope, centre = judged(MINTED, answered(api_domain="https://www.zohoapis.in"), ACCESS, ZOHO)

    assert (token.mark, scope.mark) == (Mark.OK, Mark.UNCHECKED)
    assert centre.gravity is Gravity.REFUSED
    assert "Set CONSUMER_ZOHO_DATA_CENTRE=in" in centre.todo
    assert len(judged(MINTED, answered(api_domain="https://www.zohoapis.eu"), ACCESS, ZOHO)) == 2
    elsewhere = replace(ACCESS, people_url="https://people.example.org")
    assert len(judged(MINTED, answered(api_domain="https://www.zohoapis.in"), elsewhere, ZOHO)) == 2


@pytest.mark.parametrize(
    ("scope", "gravity"),
    [
        ("ZOHOPEOPLE.training.ALL", None),
        ("ZOHOPEOPLE.leave.READ ZohoPeople.Training.UPDATE", None),
        ("ZOHOPEOPLE.leave.READ,ZOHOPEOPLE.training.READ", Gravity.REFUSED),
    ],
)
def test_the_scope_has_to_allow_an_update(scope: str, gravity: Gravity | None) -> None:
    """Where Zoho says it; ALL or UPDATE, among others, in any case."""
    assert judged(MINTED, answered(scope=scope), ACCESS, ZOHO)[1].gravity is gravity


@pytest.mark.parametrize("error", ["invalid_code", "invalid_client"])
def test_a_refused_credential_may_be_of_another_data_centre(error: str) -> None:
    """The classic: both errors are said of a sound credential at the wrong host."""
    [row] = judged(CredentialRefused("no"), answered(error=error), ACCESS, ZOHO)

    assert row.gravity is Gravity.REFUSED
    assert "accounts.zoho.eu" in row.todo
    assert "CONSUMER_ZOHO_DATA_CENTRE" in row.todo


def test_what_else_becomes_of_a_mint() -> None:
    """The throttle is a finding, with how long; a host that does not answer can't be reached."""
    [throttled] = judged(TokenThrottled("no", 600.0), answered(), ACCESS, ZOHO)
    [unreachable] = judged(Unreachable("no"), answered(), ACCESS, ZOHO)

    assert (throttled.gravity, unreachable.gravity) == (Gravity.FINDING, Gravity.UNREACHABLE)
    assert "Wait 600 s" in throttled.todo


@pytest.mark.parametrize(
    "mints", [MintBudget((90.0, 91.0, 92.0, 93.0, 94.0)), MintBudget((), blocked_until=200.0)]
)
async def test_no_token_is_asked_for_where_consumers_may_need_it(mints: MintBudget) -> None:
    """Half of the ten are theirs; and while Zoho refuses new ones, nobody asks."""
    token, clock = await token_rows(ACCESS, CREDENTIAL, mints, 100.0, "")

    assert (token.mark, clock.mark) == (Mark.UNCHECKED, Mark.UNCHECKED)


@pytest.mark.parametrize(
    ("off", "bad", "said"),
    [
        (0.0, False, "Zoho's"),
        (1.4, False, "behind"),
        (3.2, True, "behind Zoho's"),
        (-3.2, True, "ahead of Zoho's"),
    ],
)
def test_the_clock_is_compared_within_what_the_header_can_say(off: float, bad: bool, said: str) -> None:
    """Whole seconds and the way there make a second and more unsure: no alarm for that."""
    now = 1_700_000_000.3
    date = formatdate(int(now + 0.05 + off), usegmt=True)

    row = clock_row(TokenAnswers(date=date, asked_at=now, answered_at=now + 0.1), 1.0, "")

    assert (row.gravity is not None) == bad
    assert said in row.found


@pytest.mark.parametrize("date", [None, "", "yesterday"])
def test_without_a_date_nothing_is_compared(date: str | None) -> None:
    """No answer, or a header that says nothing."""
    assert clock_row(TokenAnswers(date=date), 1.0, "").mark is Mark.UNCHECKED


def test_an_answer_is_kept_without_its_token() -> None:
    """Its date, what it says beside the token, and when it came."""
    answers = TokenAnswers()
    answers.take(Answer(200, b'{"access_token":"t","scope":"a"}', date="d"), 0.5)

    assert answers.date == "d"
    assert answers.content == {"scope": "a", "api_domain": None, "error": None}
    assert answers.answered_at - answers.asked_at == pytest.approx(0.5)
    assert answers.answered_at == pytest.approx(time.time(), abs=5)
    answers.take(Answer(200, b"[]"), 0.5)
    assert answers.content == {}


def test_the_calls_own_token() -> None:
    """Applied: the scope is enough. Refused at the mint: in the same words as without a call."""
    rows = {row.subject: row for row in call_token_rows(Applied(), answered(), ACCESS, "")}
    refused = call_token_rows(CredentialRefused("no"), answered(error="invalid_code"), ACCESS, "")

    assert rows["scope"].mark is Mark.OK
    assert "data centre" in refused[0].todo

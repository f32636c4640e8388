import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from consumer.emulator.answers import Answer
from consumer.emulator.faults import Fault
from consumer.emulator.options import (
    CLIENT_ID,
    CLIENT_SECRET,
    REFRESH_TOKEN,
    Catalogue,
    EmulatorOptions,
    Limits,
    TokenRules,
)
from consumer.emulator.sessions import SessionPath
from consumer.emulator.state import Portal, Request
from consumer.emulator.validation import Input

PATH = SessionPath("1", "2", "3", "4")
FIELDS = {
    "name": "Forklift refresher",
    "trainerErecno": "5",
    "type": "0",
    "date": "01-12-2026",
    "startTime": "10:00 AM",
    "endTime": "11:00 AM",
}
FORM = {
    "grant_type": "refresh_token",
    "client_id": CLIENT_ID,
    "client_secret": CLIENT_SECRET,
    "refresh_token": REFRESH_TOKEN,
}
OPTIONS = EmulatorOptions()


def portal_with_token(options: EmulatorOptions = OPTIONS) -> Portal:
    portal = Portal(options, 0.0)
    portal.mint(FORM, 0.0, "good")
    return portal


def call(
    portal: Portal,
    now: float = 0.0,
    path: SessionPath = PATH,
    fields: dict[str, str] = FIELDS,
    authorization: str | None = "Zoho-oauthtoken good",
) -> Answer:
    """One call from arrival to answer, all at one moment."""
    arrived = portal.arrive(path, now)
    given = Input(query=(("sessionData", json.dumps(fields)),))
    decision = portal.decide(arrived, Request("/api/x", authorization, given), now)
    if decision.writes:
        portal.take_effect(decision, now)
    answer = portal.compose(decision)
    portal.end(arrived, now, gone=False)
    return answer


def body(answer: Answer) -> Any:
    return json.loads(answer.body)


def test_success_body_has_the_documented_keys_and_echoes_what_was_sent() -> None:
    """A success shows the session as stored, with exactly the keys of Zoho's sample."""
    answer = call(portal_with_token())

    assert (answer.status, body(answer)["code"], body(answer)["message"]) == (200, 200, "success")
    assert set(body(answer)["session"]) == {
        "totalLearnersCount",
        "presentLeanersCount",
        "sessionName",
        "sessionStartDate",
        "sessionStartTime",
        "sessionEndTime",
        "sessionRoom",
        "sessionTrainer",
        "sessionType",
        "roomId",
        "trainerErecno",
        "lockUntil",
        "isLocked",
        "gradeCategoryId",
        "gradeCategoryName",
        "canUserEdit",
        "canUserDelete",
        "isSessionCompleted",
        "moduleId",
        "sessionId",
        "description",
        "resources",
    }
    assert body(answer)["session"]["sessionId"] == "4"
    assert body(answer)["session"]["sessionStartDate"] == "01-12-2026"


def test_absent_fields_stay_as_they_are() -> None:
    """A second call without the description leaves the first one's in place."""
    portal = portal_with_token()
    call(portal, fields=FIELDS | {"description": "Bring boots"})
    answer = call(portal, fields=FIELDS | {"name": "Renamed"})

    session = body(answer)["session"]
    assert (session["sessionName"], session["description"]) == ("Renamed", "Bring boots")


def test_code_can_be_text() -> None:
    """The option makes `code` the string that a sibling page shows."""
    assert body(call(portal_with_token(replace(OPTIONS, code_is_text=True))))["code"] == "200"


@pytest.mark.parametrize(
    ("authorization", "status", "code"),
    [
        (None, 400, 7202),
        ("Zoho-oauthtoken ", 400, 7202),
        ("Bearer good", 400, 7202),
        ("Zoho-oauthtoken wrong", 401, 7213),
    ],
)
def test_credential_is_checked(authorization: str | None, status: int, code: int) -> None:
    """A missing credential is HTTP 400, a dead one 401, with People's codes."""
    answer = call(portal_with_token(), authorization=authorization)

    assert (answer.status, body(answer)["response"]["errors"]["code"]) == (status, code)


def test_scope_must_be_one_of_the_two() -> None:
    """A refresh token granted for something else gets 7218, whatever its access token."""
    options = replace(OPTIONS, tokens=TokenRules(scope="ZOHOPEOPLE.forms.ALL"), scope_missing_status=403)
    answer = call(portal_with_token(options))

    assert (answer.status, body(answer)["response"]["errors"]["code"]) == (403, 7218)


def test_refused_call_writes_nothing() -> None:
    """Invalid input is HTTP 400 with a business code, and the session stays as it was."""
    portal = portal_with_token()
    answer = call(portal, fields=FIELDS | {"type": "9"})
    session = portal.sessions.get("4")

    assert (answer.status, body(answer)) == (400, {"code": "INVALID_INPUT", "message": "invalid: type"})
    assert session is not None
    assert (session.writes, session.fields) == (0, {})


@pytest.mark.parametrize(("form", "expected"), [("404", (404, 404)), ("400", (400, "UNSUPPORTED_OPERATION"))])
def test_unknown_session_in_both_forms(form: Any, expected: tuple[int, object]) -> None:
    """An unknown session is 404, or the 400 that says Not found, as chosen."""
    options = replace(OPTIONS, catalogue=Catalogue(unknown=frozenset({"4"})), not_found_form=form)
    answer = call(portal_with_token(options))

    assert (answer.status, body(answer)["code"]) == expected
    assert body(answer)["message"] == "Not found"


def test_only_known_sessions_exist_where_they_are_listed() -> None:
    """With a list of known sessions every other one is unknown."""
    portal = portal_with_token(replace(OPTIONS, catalogue=Catalogue(known=frozenset({"4"}))))
    other = SessionPath("1", "2", "3", "5")

    assert (call(portal).status, call(portal, path=other).status) == (200, 404)


def test_date_must_lie_within_the_batch() -> None:
    """A session outside its batch's dates is refused by the code on record."""
    dates = {"2": (date(2026, 12, 2), date(2026, 12, 31))}
    answer = call(portal_with_token(replace(OPTIONS, catalogue=Catalogue(batch_dates=dates))))

    assert (answer.status, body(answer)["code"]) == (400, "BATCH_DATE_AND_SESSION_DATE_MISMATCH")


def test_lock_refuses_and_the_audit_tells() -> None:
    """The call too many is refused as locked, writes nothing, and the audit counts it."""
    portal = portal_with_token(replace(OPTIONS, limits=Limits(2, 60.0, 300.0)))
    statuses = [call(portal, now).status for now in (0.0, 1.0, 2.0, 3.0)]
    audit = portal.audit()

    assert statuses == [200, 200, 400, 400]
    assert (audit.calls, audit.most_in_window, audit.locks, audit.calls_during_lock, audit.writes) == (
        4,
        4,
        1,
        1,
        2,
    )
    assert audit.answers == {"applied": 2, "locked": 2}


def test_calls_without_a_good_token_count_too() -> None:
    """The throttle counts what arrives, before it looks at the credential."""
    portal = portal_with_token(replace(OPTIONS, limits=Limits(2, 60.0, 300.0)))
    verdicts = [call(portal, authorization=None).verdict for _ in range(3)]

    assert verdicts == ["token_missing", "token_missing", "locked"]


def test_day_counts_down_and_ends_and_comes_back() -> None:
    """Each call takes one from the day; beyond the last one calls are refused until the next day."""
    portal = portal_with_token(replace(OPTIONS, daily_requests=2, day_seconds=100.0))
    answers = [call(portal, now) for now in (0.0, 1.0, 2.0, 100.0)]
    left = [dict(answer.headers)["api-count-left-today"] for answer in answers]

    assert [answer.verdict for answer in answers] == ["applied", "applied", "daily_quota", "applied"]
    assert left == ["1", "0", "0", "1"]


def test_foreign_calls_take_from_window_and_day_but_not_from_the_audit() -> None:
    """Others' calls can lock us out, and the audit shows that they were not ours."""
    portal = portal_with_token(replace(OPTIONS, limits=Limits(2, 60.0, 300.0)))
    portal.foreign_calls(2, 0.0)

    assert portal.left_today(0.0) == OPTIONS.daily_requests - 2
    assert call(portal).verdict == "locked"
    assert portal.audit().calls == 1


def test_imposed_lock_is_not_counted_as_tripped() -> None:
    """A lock that a test imposes refuses calls, but nobody tripped it."""
    portal = portal_with_token()
    portal.lock(0.0, 10.0)

    assert [call(portal, now).verdict for now in (5.0, 10.0, 10.5)] == ["locked", "locked", "applied"]
    assert portal.audit().locks == 0


def test_revoked_and_restored() -> None:
    """Revoking stops mints until it is restored."""
    portal = portal_with_token()
    portal.set_revoked(revoked=True)
    refused = portal.mint(FORM, 1.0, "t")[0].verdict
    portal.set_revoked(revoked=False)

    assert (refused, portal.mint(FORM, 2.0, "t")[0].verdict) == ("invalid_code", "minted")


def test_poisonous_session_fails_and_others_do_not() -> None:
    """One session's fault leaves the others alone, and shows in the audit."""
    portal = portal_with_token(replace(OPTIONS, faults=(Fault("poison", session_id="4"),)))
    other = call(portal, path=SessionPath("1", "2", "3", "5"))

    assert (call(portal).status, call(portal).status, other.status) == (500, 500, 200)
    assert portal.audit().answers == {"applied": 1, "poison": 2}


def test_echo_fault_writes_what_was_sent_and_shows_something_else() -> None:
    """The stored date is the one sent; only the answer shows another."""
    portal = portal_with_token(replace(OPTIONS, faults=(Fault("echo_date"),)))
    answer = call(portal)
    session = portal.sessions.get("4")

    assert session is not None
    assert (body(answer)["session"]["sessionStartDate"], session.fields["date"]) == (
        "01-01-2000",
        "01-12-2026",
    )


def test_history_is_bounded() -> None:
    """Only the latest calls and sessions are kept."""
    portal = portal_with_token(replace(OPTIONS, calls_kept_per_session=2, sessions_kept=2))
    for number in range(4):
        call(portal, path=SessionPath("1", "2", "3", str(number)))
        call(portal, path=PATH)
    session = portal.sessions.get("4")

    assert session is not None
    assert (len(session.calls), len(portal.sessions)) == (2, 2)


def test_call_ends_once() -> None:
    """A call that was found lost is not ended again by its answer."""
    portal = portal_with_token()
    arrived = portal.arrive(PATH, 0.0)
    portal.end(arrived, 1.0, gone=True)
    portal.end(arrived, 2.0, gone=False)

    assert (arrived.gone_at, arrived.answered_at) == (1.0, None)


def test_nonsense_options_are_refused_all_at_once() -> None:
    """Every wrong option is named."""
    with pytest.raises(ValueError, match="requests must be 1 or more; answer_seconds must be 0 or more"):
        EmulatorOptions(limits=Limits(requests=0), answer_seconds=-1.0)


def test_fault_waits_for_a_call_that_gets_through_the_door() -> None:
    """A lock hides a fault and does not use it up; an outage hides the lock."""
    portal = portal_with_token()
    portal.lock(0.0, 10.0)
    portal.add_fault(Fault("poison", calls=1))
    locked = call(portal, 1.0).verdict
    portal.add_fault(Fault("outage", calls=1))
    verdicts = [call(portal, now).verdict for now in (2.0, 11.0, 12.0)]

    assert [locked, *verdicts] == ["locked", "outage", "poison", "applied"]

"""The worker with a fake Zoho, hours of it on simulated time: the laws as they show from outside."""

import asyncio
from itertools import pairwise

import pytest

from consumer.delivery.gate import AccountState
from consumer.delivery.verdicts import (
    Applied,
    Failed,
    Forbidden,
    MaximumLimit,
    NoAnswer,
    Refused,
    TokenDead,
    Unreachable,
    Verdict,
    ZohoAnswer,
)
from consumer.events.model import SessionKey
from tests.fakes.dead_letter_topic import FakeDeadLetterTopic
from tests.fakes.simulated_time import EPOCH_SECONDS, clock, simulate
from tests.fakes.stage import Stage, bad_record, change_record, on_stage, rules, session
from tests.fakes.zoho import Threshold

FAILED = Failed("HTTP 500", ZohoAnswer(500))
REFUSED = Refused("session_not_found", ZohoAnswer(404))


def test_law_2_a_burst_is_applied_in_order_at_the_full_quota_and_without_a_lock() -> None:
    """200 changes of 40 sessions and bad records between: 30 calls a minute, one per session at a time.

    Each lacks a field that the one before it has, so that none makes another needless.
    """
    threshold = Threshold()

    async def scene() -> Stage:
        async with on_stage(threshold) as stage:
            records = [change_record(n, n % 40, f"change {n // 40}", without=n // 40) for n in range(200)]
            stage.worker.receive([*records, *[bad_record(n) for n in range(200, 220)]])
            assert await stage.until_done()
            return stage

    stage = simulate(scene())
    seconds = stage.zoho.arrivals[-1][0] - stage.zoho.arrivals[0][0]
    assert (0, 200, 220) == (threshold.locks, len(stage.zoho.arrivals), stage.position)
    assert {tuple(f"change {n}" for n in range(5))} == {tuple(names) for names in stage.zoho.names.values()}
    assert (8, False) == (stage.zoho.most_in_flight, stage.zoho.overlapped)
    assert ["event_unreadable"] * 20 == stage.topic.classes()
    assert 360 < seconds < 370


def test_law_4_a_lock_that_others_caused_is_waited_out_in_silence_and_loses_nothing() -> None:
    """Only the calls that were in flight meet it; then one probe, and everything is applied."""
    threshold = Threshold()

    async def scene() -> Stage:
        async with on_stage(threshold) as stage:
            stage.worker.receive([change_record(n, n) for n in range(60)])
            await asyncio.sleep(30.0)
            threshold.lock(clock())
            assert await stage.until_done()
            return stage

    stage = simulate(scene())
    assert (1, [], 60) == (threshold.locks, stage.topic.letters, stage.position)
    assert threshold.refused_while_locked <= 8
    assert [AccountState.THROTTLED, AccountState.RUNNING] == stage.states[-2:]


@pytest.mark.parametrize("trouble", [Unreachable("refused"), FAILED, NoAnswer("time-out")])
def test_law_4_an_hour_of_outage_dead_letters_nothing_and_is_met_with_few_calls(trouble: Verdict) -> None:
    """The gate closes, probes at growing pauses, and opens by itself."""

    def script(_session: SessionKey, now: float) -> Verdict:
        return trouble if 30 < now - EPOCH_SECONDS < 3630 else Applied()

    async def scene() -> tuple[Stage, int]:
        async with on_stage(script) as stage:
            stage.worker.receive([change_record(n, n) for n in range(20)])
            await asyncio.sleep(35)
            calls = len(stage.zoho.arrivals)
            stage.worker.receive([change_record(n, n) for n in range(20, 60)])
            assert await stage.until_done()
            return stage, calls

    stage, before = simulate(scene())
    assert ([], 60) == (stage.topic.letters, stage.position)
    assert AccountState.UNAVAILABLE in stage.states
    assert len(stage.zoho.arrivals) - before - 40 < 40


def test_one_poisonous_session_is_dead_lettered_after_its_attempts_while_others_are_applied() -> None:
    """Five calls that count, each with another session served since the last; it holds up no other."""

    def script(called: SessionKey, _now: float) -> Verdict:
        return FAILED if called == session(7) else Applied()

    async def scene() -> Stage:
        async with on_stage(script, with_rules=rules(attempts=5)) as stage:
            for n in range(300):
                stage.worker.receive([change_record(n, n % 50 if n < 50 else 100 + n)])
                await asyncio.sleep(5)
            assert await stage.until_done()
            return stage

    stage = simulate(scene())
    calls = [called for _, called in stage.zoho.arrivals if called == session(7)]
    assert (["failed_at_zoho"], 300) == (stage.topic.classes(), stage.position)
    assert 5 <= len(calls) <= 10


@pytest.mark.parametrize("answer", [FAILED, Forbidden(ZohoAnswer(403))], ids=["500", "403"])
def test_a_bad_course_at_the_head_of_the_line_does_not_hold_up_the_others(answer: Verdict) -> None:
    """Ninety sessions fail whose changes came first: the account looks broken, and probes find out."""

    def script(called: SessionKey, _now: float) -> Verdict:
        return answer if int(called.session_id) < 90 else Applied()

    async def scene() -> Stage:
        async with on_stage(script) as stage:
            stage.worker.receive([change_record(n, n) for n in range(240)])
            await asyncio.sleep(3600)
            return stage

    assert 150 == len(simulate(scene()).zoho.names)


def test_a_lone_failing_event_is_never_given_up() -> None:
    """A day of it: no other was served, so the account may be what fails; pauses stay within 5 minutes."""

    async def scene() -> Stage:
        async with on_stage(lambda _session, _now: FAILED) as stage:
            stage.worker.receive([change_record(0, 0)])
            assert not await stage.until_done(86_400)
            return stage

    stage = simulate(scene())
    times = [at for at, _ in stage.zoho.arrivals]
    pauses = [later - at for at, later in pairwise(times)]
    assert [] == stage.topic.letters
    assert max(pauses) < 301
    assert len(times) < 800


@pytest.mark.parametrize("attempts", [1, 2, 5])
def test_law_4_an_outage_dead_letters_nothing_however_few_attempts_are_set(attempts: int) -> None:
    """What was served before the outage is no evidence against an event that was first tried in it."""

    def script(_session: SessionKey, now: float) -> Verdict:
        return FAILED if 30 < now - EPOCH_SECONDS < 3630 else Applied()

    async def scene() -> Stage:
        async with on_stage(script, with_rules=rules(attempts=attempts)) as stage:
            stage.worker.receive([change_record(n, n) for n in range(10)])
            await asyncio.sleep(120)
            stage.worker.receive([change_record(n, n) for n in range(10, 60)])
            assert await stage.until_done()
            return stage

    assert [] == simulate(scene()).topic.classes()


@pytest.mark.parametrize("hold", [3, 5, 20])
def test_no_more_events_than_the_setting_are_dead_lettered_before_a_hold(hold: int) -> None:
    """Whatever the concurrency: a wrong setting must not empty the topic into the dead letters."""

    async def scene() -> tuple[int, AccountState]:
        config = rules(refusals_before_hold=hold, concurrency=16)
        async with on_stage(lambda _session, _now: REFUSED, with_rules=config) as stage:
            stage.worker.receive([change_record(n, n) for n in range(100)])
            await asyncio.sleep(0.9)
            return len(stage.topic.letters), stage.account.gate.state

    assert (hold, AccountState.SUSPECT) == simulate(scene())


def test_a_dead_token_is_repeated_once_and_then_met_with_pauses() -> None:
    """Where every fresh token is refused, one call a pause is made, however many sessions wait."""

    async def scene() -> Stage:
        answer = TokenDead(ZohoAnswer(401, "7213"))
        async with on_stage(lambda _session, _now: answer, with_rules=rules(requests=200)) as stage:
            stage.worker.receive([change_record(n, n) for n in range(100)])
            await asyncio.sleep(3600)
            return stage

    stage = simulate(scene())
    assert [AccountState.AUTH_FAILED] == stage.states[-1:]
    assert len(stage.zoho.arrivals) < 40


def test_a_422_for_every_session_is_a_lock_and_gives_up_nothing() -> None:
    """One call a lock period, however many sessions wait."""

    async def scene() -> Stage:
        answer = MaximumLimit(ZohoAnswer(422))
        async with on_stage(lambda _session, _now: answer) as stage:
            stage.worker.receive([change_record(n, n) for n in range(30)])
            await asyncio.sleep(3600)
            return stage

    stage = simulate(scene())
    assert [] == stage.topic.letters
    assert len(stage.zoho.arrivals) <= 8 + 12


def test_a_422_of_one_session_is_dead_lettered_after_a_lock_period_with_others_applied() -> None:
    """And its later ones never hammer: at most one call a lock period for a session that is left alone."""

    def script(called: SessionKey, _now: float) -> Verdict:
        return MaximumLimit(ZohoAnswer(422)) if called == session(3) else Applied()

    async def scene() -> Stage:
        async with on_stage(script) as stage:
            stage.worker.receive([change_record(n, n) for n in range(30)])
            await asyncio.sleep(400)
            stage.worker.receive([change_record(n, n) for n in range(30, 60)])
            await asyncio.sleep(400)
            stage.worker.receive([change_record(n, 3) for n in range(60, 62)])
            await asyncio.sleep(3600)
            return stage

    stage = simulate(scene())
    times = [at for at, called in stage.zoho.arrivals if called == session(3)]
    assert ["limit_exceeded"] == stage.topic.classes()
    assert all(later - at > 299 for at, later in pairwise(times[2:]))
    assert len(times) <= 2 + 13


def test_no_call_is_made_while_a_dead_letter_can_not_be_written() -> None:
    """The account waits, nothing is passed over, and goes on once the topic takes it."""
    topic = FakeDeadLetterTopic(refuses=lambda _letter: True)

    async def scene() -> tuple[int, int, Stage]:
        async with on_stage(topic=topic) as stage:
            stage.worker.receive([bad_record(0)])
            await asyncio.sleep(10)
            stage.worker.receive([change_record(1, 1)])
            await asyncio.sleep(600)
            waiting = (len(stage.zoho.arrivals), stage.position)
            assert AccountState.KAFKA_DOWN is stage.account.state
            topic.refuses = lambda _letter: False
            assert await stage.until_done(10)
            return *waiting, stage

    calls, position, stage = simulate(scene())
    assert (0, 0, 2) == (calls, position, stage.position)


def test_law_3_no_call_starts_while_the_tenure_is_in_doubt() -> None:
    """And calls go on when it is certain again."""

    async def scene() -> tuple[int, int]:
        async with on_stage() as stage:
            stage.owns = False
            stage.worker.receive([change_record(n, n) for n in range(5)])
            await asyncio.sleep(60)
            before = len(stage.zoho.arrivals)
            stage.owns = True
            assert await stage.until_done(5)
            return before, len(stage.zoho.arrivals)

    assert (0, 5) == simulate(scene())


def test_law_3_a_call_whose_connection_comes_up_after_the_tenure_ended_is_not_sent() -> None:
    """Its slot is free again at once, and its change waits as before."""

    async def scene() -> tuple[int, int, int]:
        async with on_stage() as stage:
            stage.zoho.connect_seconds = 2.0
            stage.worker.receive([change_record(n, n) for n in range(5)])
            await asyncio.sleep(1.0)
            used = stage.account.quota.used(stage.account.rules.quota, clock())
            stage.owns = False
            await asyncio.sleep(5.0)
            left = stage.account.quota.used(stage.account.rules.quota, clock())
            return used, left, len(stage.zoho.arrivals)

    assert (5, 0, 0) == simulate(scene())


def test_law_9_a_stop_waits_for_the_calls_in_flight_and_for_nothing_else() -> None:
    """Neither the quota's next slot nor the rest of the backlog; what was answered is settled."""

    async def scene() -> tuple[float, int]:
        async with on_stage(with_rules=rules(requests=4), call_seconds=3.0) as stage:
            stage.worker.receive([change_record(n, n) for n in range(20)])
            await asyncio.sleep(1.0)
            stopped_at = clock()
        return clock() - stopped_at, stage.position

    seconds, position = simulate(scene())
    assert pytest.approx(2.0, abs=0.05) == seconds
    assert 4 == position


def test_the_days_allowance_ends_the_day() -> None:
    """Then no call is made until the next one begins in the portal's zone."""

    async def scene() -> list[float]:
        async with on_stage(with_rules=rules(daily_requests=10)) as stage:
            stage.worker.receive([change_record(n, n) for n in range(15)])
            assert await stage.until_done(2 * 86_400)
            return [at for at, _ in stage.zoho.arrivals]

    times = simulate(scene())
    midnight = (times[10] + 5.5 * 3600) % 86_400
    assert midnight < 60
    assert times[9] - times[0] < 60


def test_a_day_whose_allowance_was_used_up_ends_by_itself() -> None:
    """Also where nothing waits to be called for: there is nothing to probe, the bound is our own."""

    async def scene() -> tuple[AccountState, AccountState]:
        async with on_stage(with_rules=rules(daily_requests=3)) as stage:
            stage.worker.receive([change_record(n, n) for n in range(3)])
            assert await stage.until_done(60)
            stage.account.on_wake()
            await asyncio.sleep(1.0)
            used_up = stage.account.state
            await asyncio.sleep(86_400)
            return used_up, stage.account.state

    assert (AccountState.DAILY_QUOTA, AccountState.RUNNING) == simulate(scene())


def test_a_session_whose_call_got_no_answer_waits_until_that_call_can_not_arrive_any_more() -> None:
    """So that a late arrival never overwrites a newer change."""
    answers: list[Verdict] = [NoAnswer("time-out")]

    async def scene() -> list[float]:
        async with on_stage(lambda _session, _now: answers.pop() if answers else Applied()) as stage:
            stage.worker.receive([change_record(0, 0), change_record(1, 0)])
            assert await stage.until_done()
            return [at for at, _ in stage.zoho.arrivals]

    times = simulate(scene())
    assert times[1] - times[0] >= 10

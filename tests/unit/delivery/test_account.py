"""What an account takes over from its last owner, and what it leaves to the next."""

import json
from dataclasses import replace

import pytest

from consumer.delivery.account import Account
from consumer.delivery.account_status import status_of
from consumer.delivery.gate import AccountState, Closed, Gate
from consumer.delivery.mint_budget import MintBudget
from consumer.delivery.quota import Quota
from consumer.delivery.share import Share
from tests.fakes.stage import bare_account

NOW = 1_795_000_000.0


def account(now: float = NOW) -> Account:
    """With the real quota's times."""
    return bare_account(lambda: now)


def busy(of: Account) -> Account:
    """Locked, 12 calls answered, one reserved, a token minted, half of the quota."""
    limits = of.rules.quota
    of.quota = replace(Quota(tuple(NOW - 30 + n for n in range(12))).reserve(limits, 1, NOW - 1), day=NOW - 9)
    of.gate = Gate(closed=Closed(AccountState.THROTTLED, "locked", NOW - 5, NOW + 300))
    of.zoho.resume_mints(MintBudget((NOW - 40,)))
    of.share = Share(0.5, NOW - 5, locked=True)
    return of


def test_the_next_owner_goes_on_where_the_last_one_stopped() -> None:
    """Slots, lock, mints, share, with the clock margin; nothing is sent before the reserved call is over."""
    text = busy(account()).state_text()
    new = account()
    new.resume(text, committed=True)

    limits = new.rules.quota
    assert 13 == new.quota.used(limits, NOW)
    assert (AccountState.THROTTLED, NOW + 301) == (new.gate.state, new.gate.closed and new.gate.closed.until)
    assert (NOW - 39, NOW) == new.zoho.mint_budget.minted_at
    assert 0.5 == new.share.of(limits, NOW)
    assert NOW - 1 + limits.longest_seconds + 1 == new.quiet_until


def test_what_this_process_wrote_itself_it_knows_better() -> None:
    """A rebalance that came back to the same process: its own calls are in its memory."""
    owner = busy(account())
    text = owner.state_text()
    owner.quota = owner.quota.without_reservations()
    before = owner.quota
    owner.resume(text, committed=True)

    assert before is owner.quota


@pytest.mark.parametrize("text", [None, "", "somebody's own note", '{"v":99}'])
def test_a_position_without_a_readable_state_was_set_by_somebody(text: str | None) -> None:
    """All slots and mints count as just used; where no commit was ever made, nothing was."""
    reset, fresh = account(), account()
    reset.resume(text, committed=True)
    fresh.resume(None, committed=False)

    assert (0, 30) == tuple(each.quota.free(each.rules.quota, NOW) for each in (reset, fresh))
    assert (600.0, 0.0) == tuple(each.zoho.mint_budget.wait_seconds(NOW) for each in (reset, fresh))


def test_the_state_is_numbered_by_what_it_says() -> None:
    """A commit that has nothing new to say of it says the same again, so that none is made for it alone."""
    owner = busy(account())
    first = owner.state_text()
    assert first == owner.state_text()
    owner.quota = owner.quota.without_reservations()

    assert (1, 2) == tuple(json.loads(text)["n"] for text in (first, owner.state_text()))


def test_a_process_whose_clock_was_set_meanwhile_writes_the_wall_clocks_time() -> None:
    """Its own clock runs on without the step; whoever reads the state has the wall clock alone."""
    stepped = busy(account())
    stepped.clock_behind = lambda: 3600.0  # the wall clock was set forward by an hour
    new = account(NOW + 3600)
    new.resume(stepped.state_text(), committed=True)

    assert 13 == new.quota.used(new.rules.quota, NOW + 3600)


def test_commits_that_come_too_late_for_any_call_are_told_as_the_state() -> None:
    """Reservations that are void when they are recorded: nothing could be called for ever, in silence."""
    now = [NOW]
    owner = bare_account(lambda: now[0])
    owner.owned = True
    limits = owner.rules.quota
    for seconds, state in ((4.9, "running"), (4.9, "running"), (4.9, "kafka_down"), (0.1, "running")):
        owner.quota = owner.quota.reserve(limits, 1, now[0])
        now[0] += seconds
        owner.recorded(owner.quota.next_slot)
        assert (seconds, state) == (seconds, owner.state)

    assert owner.reason is None


def test_the_wait_after_a_crash_is_told() -> None:
    """No call for half a minute looks like a hang where nobody says why."""
    owner = account()
    owner.owned = True
    owner.resume(busy(account()).state_text(), committed=True)
    owner.gate = Gate()
    status = status_of(owner)

    assert ("running", True) == (status["state"], "last owner" in status["reason"])
    assert status["until"] == status["quota"]["next_free_at"]

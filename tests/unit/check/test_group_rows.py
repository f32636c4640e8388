"""The group in words: its owner, its positions, its quota's state."""

import pytest

from consumer.check.group_rows import Standing, owner_row, position_rows, quota_rows, standing_of
from consumer.check.rows import Gravity, Mark
from consumer.clock import rfc3339
from consumer.delivery.commits import Entry
from consumer.delivery.gate import AccountState, Closed
from consumer.delivery.mint_budget import MintBudget
from consumer.delivery.quota import Quota, QuotaLimits
from consumer.delivery.quota_state import Held, QuotaState
from consumer.kafka.inspection import SeenGroup, SeenMember
from consumer.kafka.positions import Bounds
from consumer.records import TopicPartition

NOW = 1_700_000_000.0
FIRST, SECOND = TopicPartition("s", 0), TopicPartition("s", 1)
LIMITS = QuotaLimits()


def state(**parts: object) -> QuotaState:
    """As a consumer left it."""
    return QuotaState(**parts)  # type: ignore[arg-type]


def text_of(found: QuotaState) -> str:
    """As it stands in a commit."""
    return found.to_text("w", 1, NOW)


def test_the_state_is_read_beside_the_lowest_partition() -> None:
    """Where a commit has none, a person set the position."""
    left = text_of(state(mints=MintBudget((NOW - 10,))))

    assert standing_of("s", {SECOND: Entry(7), FIRST: Entry(3, left)}).mints.minted_at == (NOW - 10,)
    assert standing_of("s", {FIRST: Entry(3), SECOND: Entry(7)}) == Standing(None, foreign=True)
    assert standing_of("s", {TopicPartition("other", 0): Entry(3, left)}) == Standing(None)


def test_the_quota_is_told_in_words() -> None:
    """Slots in use, a lock with its end, and the mints of the last ten minutes alone."""
    left = state(
        quota=Quota(inherited=(NOW - 5, NOW - 4)),
        mints=MintBudget((NOW - 700, NOW - 10)),
        closed=Closed(AccountState.THROTTLED, "locked", NOW - 5, NOW + 290),
    )

    found = {row.subject: row.found for row in quota_rows(Standing(left), LIMITS, NOW, "", owned=False)}

    assert found == {
        "slots": "2 of 30 in use, as last committed",
        # The lock's end gets the clock margin, as for whoever takes over.
        "state": f"throttled until {rfc3339(NOW + 291)}: no call before",
        "tokens": "1 of 10 minted in the last 10 minutes",
    }


@pytest.mark.parametrize("held", ["auth_failed", "unavailable", "suspect", "daily_quota"])
def test_an_owner_that_makes_no_call_is_a_finding(held: str) -> None:
    """With what to do and its page; what the last owner was held up by is told, and no trouble."""
    left = Standing(state(held=Held(AccountState(held), NOW - 60)))

    [owned] = [row for row in quota_rows(left, LIMITS, NOW, "", owned=True) if row.subject == "state"]
    [left_behind] = [row for row in quota_rows(left, LIMITS, NOW, "", owned=False) if row.subject == "state"]

    assert (owned.gravity, left_behind.mark) == (Gravity.FINDING, Mark.OK)
    assert owned.found.startswith(f"{held} since {rfc3339(NOW - 60)}")
    assert owned.todo.endswith(f" See docs/runbook/{held.replace('_', '-')}.md.")
    assert not owned.todo.startswith("See")


@pytest.mark.parametrize(("owned", "gravity"), [(True, Gravity.FINDING), (False, None)])
def test_a_lock_is_a_finding_where_an_owner_waits_for_its_end(owned: bool, gravity: Gravity | None) -> None:
    """One that is left behind is told, and may be over before anybody calls."""
    left = Standing(state(closed=Closed(AccountState.THROTTLED, "locked", NOW - 5, NOW + 290)))

    [row] = [row for row in quota_rows(left, LIMITS, NOW, "", owned=owned) if row.subject == "state"]

    assert row.gravity is gravity


def test_calls_without_an_answer_are_told() -> None:
    """No call is made before they must be over."""
    left = state(quota=Quota(pending=(NOW + 20,)))
    found = {row.subject: row.found for row in quota_rows(Standing(left), LIMITS, NOW, "", owned=False)}

    assert found["calls"] == f"may be under way until {rfc3339(NOW + 21)}"


def test_without_a_state_it_is_said_why() -> None:
    """Nobody ran, or somebody set the position; one row each."""
    [new] = quota_rows(Standing(None), LIMITS, NOW, "", owned=False)
    [foreign] = quota_rows(Standing(None, foreign=True), LIMITS, NOW, "", owned=False)

    assert "no consumer has run" in new.found
    assert "set by hand" in foreign.found


def member(name: str, *topics: str) -> SeenMember:
    """A member of the group."""
    return SeenMember(name, "session-consumer", "10.0.0.7", frozenset(topics))


def test_the_owner_is_named_and_what_waits_counted() -> None:
    """By member id and host; the lag is over both partitions."""
    group = SeenGroup("Stable", (member("m-2"), member("m-1", "s")), None, {})
    at = {FIRST: 3, SECOND: 5}

    owner = owner_row("s", [FIRST, SECOND], group, "")
    rows = list(position_rows(at, {FIRST: Bounds(0, 10), SECOND: Bounds(5, 5)}, "g", ""))

    assert (owner.mark, owner.found) == (Mark.OK, "m-1 at 10.0.0.7")
    assert [row.found for row in rows] == ["s:0 at 3; s:1 at 5", "7 records not finished yet"]
    assert "could not be read" in list(position_rows(at, None, "g", ""))[1].found


@pytest.mark.parametrize("bound", [Bounds(4, 10), Bounds(0, 2)])
def test_a_position_that_the_topic_does_not_hold_is_a_finding(bound: Bounds) -> None:
    """Its records are deleted, or it was made anew; one row for each topic, with the command of `run`."""
    replays = TopicPartition("s.replay", 0)
    at = {FIRST: 3, SECOND: 5, replays: 1}
    bounds = {FIRST: bound, SECOND: Bounds(0, 9), replays: Bounds(0, 1)}

    row, lag = position_rows(at, bounds, "g", "")

    assert (row.subject, row.gravity) == ("positions", Gravity.FINDING)
    assert row.found.startswith("s:0: position 3 is outside of what the topic holds")
    assert row.todo.startswith("Stop all replicas, set the position with `kafka-consumer-groups.sh")
    assert "--group g --topic s:0 --reset-offsets" in row.todo
    assert lag.mark is Mark.OK


def test_another_program_in_our_group_is_a_finding() -> None:
    """Though it has the topic: it serves no account."""
    other = SeenMember("console-1", "console", "10.0.0.8", frozenset({"s"}))

    row = owner_row("s", [FIRST], SeenGroup("Stable", (other,), None, {}), "")

    assert row.gravity is Gravity.FINDING
    assert row.found.startswith("console-1 at 10.0.0.8, another program (client id console)")
    assert "another group" in row.todo


def test_a_group_that_moves_or_has_no_owner() -> None:
    """Just now is not known; with members that don't serve the account, something is wrong."""
    moving = SeenGroup("PreparingRebalance", (member("m-1"),), None, {})
    idle = SeenGroup("Stable", (member("m-1", "other"),), None, {})

    assert owner_row("s", [FIRST], moving, "").mark is Mark.UNCHECKED
    assert owner_row("s", [FIRST], idle, "").gravity is Gravity.FINDING


def test_nobody_is_said_to_own_a_topic_that_is_not_there() -> None:
    """No owner, no position; but a member that has it is told, whether we may see the topic or not."""
    nobody = SeenGroup("Empty", (), None, {})
    somebody = SeenGroup("Stable", (member("m-1", "s"),), None, {})

    row = owner_row("s", [TopicPartition("s.replay", 0)], nobody, "")

    assert (row.subject, row.mark) == ("owner", Mark.UNCHECKED)
    assert "s does not exist" in row.found
    assert owner_row("s", [], somebody, "").found == "m-1 at 10.0.0.7"


@pytest.mark.parametrize(
    ("mints", "until", "others"),
    [
        (MintBudget((NOW - 5,), blocked_until=NOW + 90), NOW + 90, True),
        (MintBudget((NOW - 10,) * 10), NOW + 590, True),
        (QuotaState.at_worst(LIMITS, 300.0, NOW - 10).mints, NOW + 590, False),
    ],
)
def test_an_account_that_gets_no_token_is_a_finding(mints: MintBudget, until: float, others: bool) -> None:
    """Zoho blocks them, all ten are minted, or nobody knows: its consumer gets none either, if it runs.

    Where the record is lost there is nobody to look for.
    """
    rows = {
        row.subject: row for row in quota_rows(Standing(state(mints=mints)), LIMITS, NOW, "", owned=False)
    }

    assert rows["tokens"].gravity is Gravity.FINDING
    assert f"no new one before {rfc3339(until)}" in rows["tokens"].found
    assert others == ("look for others" in rows["tokens"].todo)
    assert others != ("the record of the tokens lost" in rows["tokens"].found)

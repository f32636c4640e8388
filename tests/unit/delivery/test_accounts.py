"""Who owns an account now, and what outlives an ownership."""

import asyncio
from dataclasses import replace

import pytest
import structlog

from consumer.clock import Clock
from consumer.delivery.account import Account
from consumer.delivery.account_status import status_of
from consumer.delivery.accounts import Accounts
from consumer.delivery.change import Change
from consumer.delivery.commits import Entry
from consumer.delivery.gate import AccountState
from consumer.delivery.newness import Version
from consumer.delivery.quota import Quota
from consumer.delivery.troubles import OF_OWNERSHIP, Trouble
from consumer.events.model import EventIdentity, SessionKey
from consumer.records import Record, TopicPartition
from tests.fakes.outcomes_topic import FakeOutcomesTopic
from tests.fakes.simulated_time import clock, simulate
from tests.fakes.stage import bare_account, rules

PARTITION = TopicPartition("training.session.changed", 0)


def _account() -> Account:
    return bare_account(lambda: 0.0)


def _accounts(account: Account, wall_clock: Clock = lambda: 0.0) -> Accounts:
    return Accounts(
        [account],
        group="session-consumer",
        version="1.2.3",
        clock=lambda: 0.0,
        wall_clock=wall_clock,
        chance=lambda: 0.0,
        on_progress=lambda: None,
    )


async def test_an_ownership_that_ended_leaves_no_backlog_to_tell_of() -> None:
    """What waits is the next owner's: counted here too, its age would grow for ever."""
    account = _account()
    accounts = _accounts(account)
    record = Record(PARTITION.topic, 0, 0, 0, None, b"{}")
    async with asyncio.TaskGroup() as tasks:
        accounts.begin({PARTITION: 0}, {}, 1, lambda: False, tasks)
        version = Version(None, 0, PARTITION, 0, 0, "a", "1")
        account.backlog.add(
            Change(record, SessionKey("1", "2", "3", "4"), EventIdentity(), version, fields=0, starts_at=0)
        )
        await accounts.end({})

    assert status_of(account)["backlog"]["events"] == 0


@pytest.mark.parametrize(("generation", "kept"), [(8, True), (9, False), (7, False)])
async def test_what_was_done_beyond_the_position_counts_in_the_next_generation_alone(
    generation: int, kept: bool
) -> None:
    """Another owner in between may have sent older changes again, and not got to the newest."""
    account = _account()
    accounts = _accounts(account)
    account.generation = 7
    account.done_beyond[PARTITION] = (3, frozenset({5, 6}))
    async with asyncio.TaskGroup() as tasks:
        accounts.begin({PARTITION: 3}, {}, generation, lambda: False, tasks)

        assert kept == bool(account.done_beyond)

        await accounts.end({})


async def test_a_new_ownership_starts_without_the_troubles_of_the_last_one() -> None:
    """What could not be written then is another's by now; a broker that is away still is."""
    account = _account()
    accounts = _accounts(account)
    for trouble in (*OF_OWNERSHIP, Trouble.TOPIC):
        account.troubles.report(trouble, trouble)
    assert (AccountState.KAFKA_DOWN, "topic") == (account.state, account.reason)
    async with asyncio.TaskGroup() as tasks:
        accounts.begin({PARTITION: 3}, {}, 1, lambda: False, tasks)
        assert (Trouble.TOPIC, "topic") == account.troubles.gravest()
        account.troubles.report(Trouble.DEAD_LETTER, "too large")
        await accounts.end({})

    assert (Trouble.TOPIC, "topic") == account.troubles.gravest()


def test_a_broker_that_is_away_is_no_standby() -> None:
    """Whatever else was reported before the ownership was lost."""
    account = _account()
    account.troubles.report(Trouble.COMMIT, "no answer")
    assert AccountState.STANDBY is account.state
    account.troubles.report(Trouble.BROKER, "no coordinator")

    assert (AccountState.KAFKA_DOWN, "no coordinator") == (account.state, account.reason)


async def test_an_ownership_in_doubt_waits_for_nothing_that_it_may_not_write() -> None:
    """Else a thawed owner would hold on for the whole drain before it hears of its end."""
    accounts = _accounts(_account())
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        accounts.begin({PARTITION: 3}, {}, 1, lambda: False, tasks)
        accounts.receive(PARTITION, [Record(PARTITION.topic, 0, 3, 0, None, b"not JSON")])

        assert not await accounts.drain(60.0)
        await accounts.end({})


def test_a_session_that_was_not_heard_of_has_one_tombstone_however_long_it_takes() -> None:
    """The outcomes topic can't be written for an hour; each round finds the same session again."""
    session = SessionKey("1", "2", "3", "4")
    outcomes = FakeOutcomesTopic(refuses=True)

    async def scene() -> int:
        account = bare_account(clock)
        account.outcomes = outcomes
        account.ledger.packed.put(str(session), None, 0.0)
        accounts = _accounts(account, clock)
        async with asyncio.TaskGroup() as tasks:
            accounts.begin({PARTITION: 0}, {}, 1, lambda: True, tasks)
            await asyncio.sleep(3600.0)
            outcomes.refuses = False
            await asyncio.sleep(600.0)
            await accounts.end({})
        return len(account.ledger.packed)

    assert 0 == simulate(scene())
    assert [(str(session).encode(), None)] == [tuple(record) for record in outcomes.records]


REPLAYS = TopicPartition("training.session.changed.replay", 0)
SECOND = TopicPartition(PARTITION.topic, 1)


def test_the_quotas_state_is_kept_beside_the_sources_lowest_partition() -> None:
    """A partition of the replay topic may be lower, and be called for first: its metadata stays empty."""
    lower = TopicPartition("a.replay", 0)
    account = bare_account(lambda: 0.0, replace(rules(), replay_topic=lower.topic))
    accounts = _accounts(account)
    state = account.state_text()

    first = accounts.first_entries({lower: 3, SECOND: 4}, [lower, SECOND])
    assert {lower: Entry(3, ""), SECOND: Entry(4, state)} == first
    assert {lower: Entry(3, "")} == accounts.first_entries({lower: 3}, [lower, SECOND])

    other = _account()
    other.quota = Quota(tuple(range(3)))
    text = other.state_text()
    accounts.resume([lower, PARTITION], {lower: Entry(3, ""), PARTITION: Entry(4, text)})
    assert account.position_known
    assert 3 == account.quota.used(account.rules.quota, 0.0)


async def test_with_the_replay_topic_alone_an_account_is_not_owned() -> None:
    """A leader of an older version may split them: the source's owner has the quota."""
    account = _account()
    accounts = _accounts(account)
    accounts.resume([REPLAYS], {REPLAYS: Entry(3, "")})
    assert 0 == account.quota.used(account.rules.quota, 0.0)
    async with asyncio.TaskGroup() as tasks:
        accounts.begin({REPLAYS: 3}, {REPLAYS: 4}, 1, lambda: True, tasks)

        assert (False, {}, {}) == (account.owned, accounts.ready(), accounts.draft().entries)
        assert {} == accounts.first_entries({REPLAYS: 3}, [REPLAYS])
        await accounts.end({})


def test_replays_fill_their_own_room_and_no_more() -> None:
    """A tenth of the backlog; live events have what they leave, and neither keeps the other out."""

    async def scene() -> None:
        account = bare_account(clock, replace(rules(), backlog_events=30))
        accounts = _accounts(account, clock)
        async with asyncio.TaskGroup() as tasks:
            accounts.begin({PARTITION: 0, REPLAYS: 0}, {}, 1, lambda: False, tasks)
            await asyncio.sleep(1.0)
            assert {PARTITION: 30, REPLAYS: 3} == accounts.ready()
            accounts.receive(REPLAYS, [_bad(REPLAYS, offset) for offset in range(3)])
            assert {PARTITION: 27} == accounts.ready()
            accounts.receive(PARTITION, [_bad(PARTITION, offset) for offset in range(27)])
            assert {} == accounts.ready()
            await accounts.end({})
            accounts.begin({PARTITION: 0, REPLAYS: 0}, {}, 2, lambda: False, tasks)
            await asyncio.sleep(1.0)
            accounts.receive(PARTITION, [_bad(PARTITION, offset) for offset in range(30)])
            assert {REPLAYS: 3} == accounts.ready()
            await accounts.end({})

    simulate(scene())


def _bad(partition: TopicPartition, offset: int) -> Record:
    return Record(partition.topic, partition.partition, offset, 0, None, b"not JSON")


async def test_a_missing_replay_topic_is_no_trouble_and_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Live events go on; it is told again where it goes missing once more."""
    structlog.reset_defaults()  # another test's command may have asked for errors alone
    account = _account()
    accounts = _accounts(account)

    for missing in ([REPLAYS.topic], [REPLAYS.topic], [], [REPLAYS.topic]):
        accounts.report_missing(missing)

    assert account.troubles.gravest() is None
    assert 2 == capsys.readouterr().out.count("replay topics do not exist")


def test_an_account_is_in_trouble_while_any_of_its_partitions_cannot_be_read() -> None:
    """With the reason of one that can't."""
    account = _account()
    accounts = _accounts(account)
    first, second = TopicPartition(REPLAYS.topic, 0), TopicPartition(account.rules.source_topic, 0)

    for reasons, shown in (({first: "a", second: "b"}, "a"), ({second: "b"}, "b"), ({}, None)):
        accounts.unreadable(reasons)

        gravest = account.troubles.gravest()
        assert shown == (None if gravest is None else gravest[1])

"""Law 1 at the broker: what is finished is committed, under the ownership it began with, one at a time."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

from consumer.delivery.commits import Draft, Entry
from consumer.kafka.journal import Journal
from consumer.kafka.ownership import CommitError, FencedError
from consumer.records import TopicPartition
from tests.fakes.simulated_time import simulate

FIRST, SECOND = TopicPartition("t", 0), TopicPartition("t", 1)

AT_FIRST = {FIRST: 5, SECOND: 7}

Outcome = Callable[[], None]


def fails() -> None:
    """The broker is away."""
    raise CommitError("no coordinator")


def fenced() -> None:
    """The group rebalances."""
    raise FencedError("generation 3 is not current")


@dataclass
class FakeOwner:
    """A `Committer` that answers after `seconds`, by `outcomes` first and well afterwards."""

    seconds: float = 0.01
    outcomes: list[Outcome] = field(default_factory=list)
    refuses: dict[TopicPartition, str] = field(default_factory=dict)
    commits: list[dict[TopicPartition, int]] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    current: bool = True

    def is_current(self) -> bool:
        """Whether it still owns."""
        return self.current

    async def commit(self, entries: Mapping[TopicPartition, Entry]) -> Mapping[TopicPartition, CommitError]:
        """One commit."""
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        await asyncio.sleep(self.seconds)
        self.in_flight -= 1
        if self.outcomes:
            self.outcomes.pop(0)()
        self.commits.append({p: entry.position for p, entry in entries.items() if p not in self.refuses})
        return {p: CommitError(reason) for p, reason in self.refuses.items() if p in entries}


class Desk:
    """A journal at work, with positions to move."""

    def __init__(self) -> None:
        self.troubles: list[str | None] = []
        self.positions = dict(AT_FIRST)
        self.slot = 1
        self.recorded_slots: list[int] = []
        self.refused: list[Mapping[TopicPartition, str]] = []
        self.journal = Journal(self.troubles.append)
        self.journal.keep(self)

    def draft(self) -> Draft:
        """The state stands beside the first partition."""
        entries = {p: Entry(at, f"slot {self.slot}" * (p == FIRST)) for p, at in self.positions.items()}
        return Draft(entries, {"default": self.slot})

    def recorded(self, draft: Draft, refused: Mapping[TopicPartition, str]) -> None:
        """A commit was answered."""
        if not refused:
            self.troubles.append(None)
            self.recorded_slots.append(draft.slots["default"])
        self.refused.append(refused)

    async def __aenter__(self) -> "Desk":
        self._task = asyncio.create_task(self.journal.run())
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])

    def move(self, partition: TopicPartition, position: int) -> None:
        """Records were finished."""
        self.positions[partition] = position
        self.journal.moved()

    def reserve(self) -> None:
        """A call is about to be made."""
        self.slot += 1
        self.journal.moved()


def test_only_what_moved_is_committed_and_one_commit_is_in_flight() -> None:
    """However often positions move meanwhile; the last commit holds the last position."""
    owner = FakeOwner(seconds=1.0)

    async def scene() -> None:
        async with Desk() as desk:
            desk.journal.begin(owner, desk.draft().entries)
            for position in range(6, 40):
                desk.move(FIRST, position)
                await asyncio.sleep(0.1)
            await asyncio.sleep(3.0)

    simulate(scene())
    assert 1 == owner.most_in_flight
    assert len(owner.commits) <= 6
    assert {FIRST: 39} == owner.commits[-1]


def test_a_commit_that_fails_is_shown_and_tried_again_until_it_is_through() -> None:
    """At growing pauses of at most two seconds; then the trouble is over."""
    owner = FakeOwner(outcomes=[fails] * 30)

    async def scene() -> list[str | None]:
        async with Desk() as desk:
            desk.journal.begin(owner, desk.draft().entries)
            desk.move(FIRST, 6)
            await asyncio.sleep(25.0)
            assert desk.troubles[-1] == "no coordinator"
            assert [] == owner.commits
            assert 5 == desk.journal.positions()[FIRST]
            await asyncio.sleep(60.0)
            return desk.troubles

    assert simulate(scene())[-1] is None
    assert [{FIRST: 6}] == owner.commits


def test_a_commit_without_an_answer_is_shown_and_no_second_one_is_sent() -> None:
    """An abandoned commit could land later and set positions back."""
    owner = FakeOwner(seconds=40.0)

    async def scene() -> None:
        async with Desk() as desk:
            desk.journal.begin(owner, desk.draft().entries)
            desk.move(FIRST, 6)
            await asyncio.sleep(1.0)
            desk.move(FIRST, 7)
            await asyncio.sleep(20.0)
            assert "no answer to an offset commit in 5 s" == desk.troubles[-1]
            await asyncio.sleep(70.0)
            assert desk.troubles[-1] is None

    simulate(scene())
    assert (1, [{FIRST: 6}, {FIRST: 7}]) == (owner.most_in_flight, owner.commits)


@pytest.mark.parametrize(("current", "commits"), [(True, [{FIRST: 6}]), (False, [])])
def test_law_3_a_fenced_commit_is_repeated_only_while_the_ownership_may_last(
    current: bool, commits: list[dict[TopicPartition, int]]
) -> None:
    """It is no trouble of the account's: another owns it, or the group is forming anew."""
    owner = FakeOwner(outcomes=[fenced, fenced], current=current)

    async def scene() -> list[str | None]:
        async with Desk() as desk:
            desk.journal.begin(owner, desk.draft().entries)
            desk.move(FIRST, 6)
            await asyncio.sleep(60.0)
            return desk.troubles

    assert {None} == set(simulate(scene()))
    assert commits == owner.commits


def test_law_3_nothing_is_committed_after_the_ownership_ended() -> None:
    """The last commit of a hand-over is asked for, with the ownership that ends."""
    owner = FakeOwner()

    async def scene() -> None:
        async with Desk() as desk:
            desk.journal.begin(owner, desk.draft().entries)
            desk.journal.end()
            desk.move(FIRST, 6)
            await asyncio.sleep(10.0)
            assert [] == owner.commits
            await desk.journal.commit(owner)
            await desk.journal.commit(owner)

    simulate(scene())
    assert [{FIRST: 6}] == owner.commits


def test_a_hand_over_waits_for_the_commit_in_flight_before_its_own() -> None:
    """So that the older one can't land after the newer one."""
    owner = FakeOwner(seconds=2.0)

    async def scene() -> None:
        async with Desk() as desk:
            desk.journal.begin(owner, desk.draft().entries)
            desk.move(FIRST, 6)
            await asyncio.sleep(1.0)
            desk.move(SECOND, 8)
            desk.journal.end()
            await desk.journal.commit(owner)

    simulate(scene())
    assert (1, [{FIRST: 6}, {SECOND: 8}]) == (owner.most_in_flight, owner.commits)


def test_law_2_a_reservation_is_recorded_once_the_commit_that_holds_it_is_answered() -> None:
    """Not one that was made while that commit was under way; that takes the next one."""
    owner = FakeOwner(seconds=1.0)

    async def scene() -> list[tuple[float, list[int]]]:
        async with Desk() as desk:
            desk.journal.begin(owner, desk.draft().entries)
            desk.reserve()
            await asyncio.sleep(0.5)
            desk.reserve()
            seen = []
            for seconds in (0.0, 1.0, 1.0):
                await asyncio.sleep(seconds)
                seen.append((seconds, list(desk.recorded_slots)))
            return seen

    assert [(0.0, []), (1.0, [2]), (1.0, [2, 3])] == simulate(scene())


def test_what_one_partition_refuses_is_told_and_tried_again_and_holds_up_no_other() -> None:
    """A topic was deleted: the others' positions are committed all the same."""
    owner = FakeOwner(refuses={FIRST: "gone"})

    async def scene() -> list[Mapping[TopicPartition, str]]:
        async with Desk() as desk:
            desk.journal.begin(owner, desk.draft().entries)
            desk.move(FIRST, 6)
            desk.move(SECOND, 8)
            await asyncio.sleep(5.0)
            owner.refuses = {}
            await asyncio.sleep(5.0)
            return desk.refused

    refused = simulate(scene())
    assert ({FIRST: "gone"}, {}) == (refused[0], refused[-1])
    assert {SECOND: 8} == owner.commits[0]
    assert {FIRST: 6} == owner.commits[-1]


def test_a_refused_partition_delays_the_commits_of_no_other() -> None:
    """It is another account's, perhaps: a reservation there waits a commit, not a pause."""
    owner = FakeOwner(refuses={FIRST: "gone"})

    async def scene() -> list[int]:
        async with Desk() as desk:
            desk.journal.begin(owner, desk.draft().entries)
            desk.move(FIRST, 6)
            await asyncio.sleep(20.0)  # the pauses between its repeats have grown by now
            made = []
            for position in range(10, 20):
                desk.move(SECOND, position)
                await asyncio.sleep(0.1)
                made.append(owner.commits[-1].get(SECOND, 0))
            return made

    assert list(range(10, 20)) == simulate(scene())

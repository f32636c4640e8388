"""The backlog against a plain model: order, one call per session, nothing forgotten, an end to waiting."""

import copy
from fractions import Fraction
from math import floor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from consumer.delivery.backlog import Backlog
from consumer.delivery.change import Attempts, Change
from consumer.delivery.line import Group
from consumer.delivery.newness import Crest, Version, newer
from consumer.delivery.turns import OLDEST_EVERY, Order
from consumer.events.model import EventIdentity, SessionKey
from consumer.records import Record, TopicPartition
from tests.fakes.one_by_one import session_key

PARTITION = TopicPartition("t", 0)


def a_change(
    sequence: int, session: int, fields: int = 0, starts_at: float = 0.0, *, is_replay: bool = False
) -> Change:
    """Each newer than those before it."""
    record = Record("t", 0, sequence, 0, None, None)
    version = Version(None, sequence, PARTITION, sequence, sequence, "a", str(sequence))
    return Change(record, session_key(session), EventIdentity(), version, fields, starts_at, is_replay)


class BacklogMachine(RuleBasedStateMachine):
    """Adds, takes, puts back and settles; the model is a list per session."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1.0
        self.sequence = 0
        self.waiting: dict[SessionKey, list[Change]] = {}
        self.out: dict[SessionKey, Group] = {}
        self.not_before: dict[SessionKey, float] = {}
        self.blocked: dict[SessionKey, float] = {}
        # Of sessions with a live change, and of those with replays only; contended: of either.
        self.takes = {True: 0, False: 0}
        self.contended = 0

    @initialize(order=st.sampled_from(("oldest", "soonest")), share=st.sampled_from((0.0, 0.1, 0.7, 1.0)))
    def begin(self, order: Order, share: float) -> None:
        self.order = order
        self.share = Fraction(str(share))
        self.backlog = Backlog(order=order, replay_share=share)

    def is_live(self, session: SessionKey) -> bool:
        """Whether a live change of it waits."""
        return any(not change.is_replay for change in self.waiting[session])

    def ready_at(self, session: SessionKey) -> float:
        """When the session may be called again, by the model."""
        return max(self.not_before.get(session, 0.0), self.blocked.get(session, 0.0))

    def group(self, session: SessionKey) -> list[Change]:
        """What one call may settle: up to the last one that carries all fields of those before it."""
        line = self.waiting[session]
        unions = [0]
        for change in line:
            unions.append(unions[-1] | change.fields)
        chosen = max(n for n, change in enumerate(line) if unions[n + 1] == change.fields)
        return line[: chosen + 1]

    def place(self, session: SessionKey) -> tuple[bool, float, int]:
        """Where it stands in the line of all."""
        group = self.group(session)
        starts_at, oldest = group[-1].starts_at, group[0].sequence
        takes = self.takes[self.is_live(session)]
        if self.order == "oldest" or takes % OLDEST_EVERY == OLDEST_EVERY - 1:
            return False, 0.0, oldest
        past = starts_at <= self.now
        return past, 0.0 if past else starts_at, oldest

    @rule(
        number=st.integers(0, 3),
        fields=st.integers(0, 3),
        starts_in=st.integers(-3, 20),
        is_replay=st.booleans(),
    )
    def add(self, number: int, fields: int, starts_in: int, *, is_replay: bool) -> None:
        # No two start at one time.
        starts_at = self.now + starts_in + self.sequence / 1e6
        change = a_change(self.sequence, number, fields, starts_at, is_replay=is_replay)
        self.sequence += 1
        session = change.session
        if session not in self.waiting:
            self.not_before.pop(session, None)
        self.waiting.setdefault(session, []).append(change)
        assert self.backlog.add(change) == []

    @rule()
    def take(self) -> None:
        taken = self.backlog.take(self.now)
        free = [s for s in self.waiting if s not in self.out and self.ready_at(s) <= self.now]
        kinds = {self.is_live(session) for session in free}
        live = True in kinds
        if len(kinds) == 2:
            before, self.contended = self.contended, self.contended + 1
            live = floor(before * self.share) == floor(self.contended * self.share)
        expected = min((s for s in free if self.is_live(s) == live), key=self.place, default=None)
        assert (expected is None) == (taken is None)
        if expected is not None and taken is not None:
            self.takes[live] += 1
            assert self.group(expected) == list(taken.changes)
            self.out[taken.session] = taken

    @rule(newest=st.booleans())
    def take_probe(self, *, newest: bool) -> None:
        taken = self.backlog.take_probe(self.now, newest=newest)
        free = [s for s in self.waiting if s not in self.out and self.blocked.get(s, 0.0) <= self.now]
        assert (taken is None) == (not free)
        if taken is not None:
            assert taken.session in free
            assert self.group(taken.session) == list(taken.changes)
            self.out[taken.session] = taken

    @precondition(lambda self: self.out)
    @rule(
        data=st.data(),
        seconds=st.integers(0, 5),
        end=st.sampled_from(("applied", "refused", "session refused", "nothing")),
        blocked=st.booleans(),
    )
    def end_call(self, data: st.DataObject, seconds: int, end: str, *, blocked: bool) -> None:
        session = data.draw(st.sampled_from(sorted(self.out)))
        group = self.out.pop(session)
        if blocked:
            self.blocked[session] = self.now + 3
            self.backlog.block(session, self.now + 3)
        self.not_before[session] = 0.0
        match end:
            case "applied":
                settled = self.backlog.applied(group)
            case "nothing":
                self.not_before[session] = self.now + seconds
                self.backlog.put_back(group, self.now + seconds)
                return
            case _:
                settled = self.backlog.refused(group, whole_session=end == "session refused")
        gone = [group.sent] if end == "refused" else list(group.changes)
        assert gone == [each.change for each in settled]
        for change in gone:
            self.waiting[session].remove(change)
        if not self.waiting[session]:
            del self.waiting[session]

    @rule(seconds=st.integers(1, 4))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @invariant()
    def counts_are_right(self) -> None:
        assert sum(map(len, self.waiting.values())) == self.backlog.events
        assert len(self.waiting) == self.backlog.sessions
        assert sum(c.is_replay for line in self.waiting.values() for c in line) == self.backlog.replays


BacklogMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestBacklog = BacklogMachine.TestCase


def test_the_training_that_starts_soonest_goes_first_and_past_ones_last() -> None:
    """Of the event that would be sent: a newer one may have moved the session."""
    backlog = Backlog(order="soonest")
    for sequence, (session, starts_at) in enumerate(
        [(1, 50.0), (2, 900.0), (3, 700.0), (4, 90.0), (2, 120.0)]
    ):
        backlog.add(a_change(sequence, session, starts_at=starts_at))

    taken = [backlog.take(100.0) for _ in range(4)]
    # The fourth turn is the oldest one's; here it is the older of the two that are past.
    assert [2, 3, 1, 4] == [int(group.session.session_id) for group in taken if group]


def test_a_live_change_takes_its_session_out_of_the_replays() -> None:
    """It waits for no share behind the replays that are in line before it; and back, once it is settled."""
    backlog = Backlog(replay_share=0.0)
    for sequence, (session, is_replay) in enumerate([(1, True), (2, True), (3, False), (2, False)]):
        backlog.add(a_change(sequence, session, is_replay=is_replay))
    assert 3 == backlog.waiting(1.0, 9)

    taken = [backlog.take(1.0) for _ in range(3)]
    assert [2, 3, 1] == [int(group.session.session_id) for group in taken if group]


def test_a_probe_is_a_live_change_where_neither_was_tried() -> None:
    """A session that was tried goes behind those that were not, replays too: probes take turns."""
    backlog = Backlog()
    backlog.add(a_change(0, 1, is_replay=True))
    backlog.add(a_change(1, 2))
    group = backlog.take_probe(1.0)
    assert group is not None
    assert session_key(2) == group.session

    group.sent.attempts = Attempts(calls=1, started_at=1.0)
    backlog.put_back(group)
    group = backlog.take_probe(2.0)
    assert group is not None
    assert session_key(1) == group.session


@pytest.mark.parametrize(("waits", "comes"), [(True, True), (True, False), (False, True)])
def test_a_replay_and_a_copy_of_its_event_are_not_merged_while_they_wait(waits: bool, comes: bool) -> None:
    """Refused at its call, the first would have left the other's dead letter as applied that is not."""
    backlog = Backlog()
    backlog.add(a_change(0, 1, is_replay=waits))
    copy = a_change(0, 1, is_replay=comes)
    copy.version = copy.version._replace(sequence=1)
    assert [] == backlog.add(copy)

    group = backlog.take(1.0)
    assert group is not None
    assert ["dead_lettered"] == [each.outcome for each in backlog.refused(group, whole_session=True)]
    assert 1 == backlog.events


def test_the_age_of_the_backlog_is_that_of_live_events() -> None:
    """A replay's is a week old, and says nothing of how far behind we are."""
    backlog = Backlog()
    backlog.add(a_change(1, 1, is_replay=True))
    assert backlog.oldest_event_at() is None
    backlog.add(a_change(5_000_000, 1))
    backlog.add(a_change(7_000_000, 2))

    assert 5.0 == backlog.oldest_event_at()


versions = st.builds(
    Version,
    st.none() | st.integers(0, 2),
    st.integers(0, 2),
    st.builds(TopicPartition, st.just("t"), st.integers(0, 1)),
    st.integers(0, 9),
    st.just(0),
    st.just("a"),
    st.just("e"),
)


@given(st.lists(versions, min_size=1, max_size=12, unique_by=lambda each: (each.partition, each.offset)))
@settings(max_examples=1000, deadline=None)
def test_a_crest_answers_as_a_look_at_the_whole_chain_would(read: list[Version]) -> None:
    """Whatever circles `newer` goes in."""
    chain: list[Version] = []
    crest = Crest(None)
    for sequence, each in enumerate(read):
        version = each._replace(sequence=sequence)
        expected = all(newer(version, earlier) for earlier in chain)

        assert expected == crest.below(version)

        if expected:
            chain.append(version)
            crest.add(version)


@given(versions, versions)
def test_of_two_versions_exactly_one_is_newer(a: Version, b: Version) -> None:
    """Whatever they lack."""
    a = a._replace(offset=a.offset + 10, sequence=1)

    assert newer(a, b) != newer(b, a)
    assert not newer(a, copy.copy(a))

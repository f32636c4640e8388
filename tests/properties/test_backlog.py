"""The backlog against a plain model: order, one call per session, nothing forgotten."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from consumer.delivery.backlog import Backlog
from consumer.delivery.change import Change
from consumer.events.model import EventIdentity, SessionKey
from consumer.records import Record


class BacklogMachine(RuleBasedStateMachine):
    """Adds, takes, puts back and removes changes; the model is a list per session."""

    def __init__(self) -> None:
        super().__init__()
        self.backlog = Backlog()
        self.now = 1.0
        self.sequence = 0
        self.waiting: dict[SessionKey, list[Change]] = {}
        self.out: dict[SessionKey, Change] = {}
        self.not_before: dict[SessionKey, float] = {}
        self.blocked: dict[SessionKey, float] = {}

    def ready_at(self, session: SessionKey) -> float:
        """When the session may be called again, by the model."""
        return max(self.not_before.get(session, 0.0), self.blocked.get(session, 0.0))

    @rule(number=st.integers(0, 3))
    def add(self, number: int) -> None:
        session = SessionKey("1", "2", "3", str(number))
        change = Change(
            Record("t", 0, self.sequence, 0, None, None),
            session,
            EventIdentity(),
            self.now,
            self.sequence,
            self.now,
        )
        self.sequence += 1
        if session not in self.waiting:
            self.not_before.pop(session, None)
        self.waiting.setdefault(session, []).append(change)
        self.backlog.add(change)

    @rule()
    def take(self) -> None:
        taken = self.backlog.take(self.now)
        free = [
            line[0]
            for session, line in self.waiting.items()
            if session not in self.out and self.ready_at(session) <= self.now
        ]
        expected = min(free, key=lambda change: change.sequence, default=None)
        assert expected is taken
        if taken is not None:
            self.out[taken.session] = taken

    @rule()
    def take_probe(self) -> None:
        taken = self.backlog.take_probe(self.now)
        possible = [
            line[0]
            for session, line in self.waiting.items()
            if session not in self.out and self.blocked.get(session, 0.0) <= self.now
        ]
        assert (taken is None) == (not possible)
        if taken is not None:
            assert taken in possible
            self.out[taken.session] = taken

    @precondition(lambda self: self.out)
    @rule(data=st.data(), seconds=st.integers(0, 5), removed=st.booleans(), blocked=st.booleans())
    def end_call(self, data: st.DataObject, seconds: int, *, removed: bool, blocked: bool) -> None:
        session = data.draw(st.sampled_from(sorted(self.out)))
        change = self.out.pop(session)
        if blocked:
            self.blocked[session] = self.now + 3
            self.backlog.block(session, self.now + 3)
        self.not_before[session] = 0.0
        if removed:
            self.backlog.remove(change)
            self.waiting[session].pop(0)
            if not self.waiting[session]:
                del self.waiting[session]
        else:
            self.not_before[session] = self.now + seconds
            self.backlog.put_back(change, self.now + seconds)

    @rule(seconds=st.integers(1, 4))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @invariant()
    def counts_are_right(self) -> None:
        assert sum(map(len, self.waiting.values())) == self.backlog.events
        assert len(self.waiting) == self.backlog.sessions


BacklogMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestBacklog = BacklogMachine.TestCase

"""Law 5: the end state, the calls and the outcomes are those of one-by-one delivery in reading order."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.vendor.pretty import RepresentationPrinter

from consumer.delivery.backlog import Backlog
from consumer.delivery.change import Attempts
from consumer.delivery.line import Group, Outcome, Settled
from tests.fakes.one_by_one import Entry, RecordedLedger, Sketch, ZohoState, one_by_one

# read: the next record. call: the next turn's. answer, answer last: the oldest call out is answered, or
# the newest one. unclear, fails: the oldest settles nothing; fails and speaks against its event. crash:
# all is lost but what is recorded; crash late: and the calls that are out have arrived at Zoho.
Step = Literal["read", "call", "answer", "answer last", "unclear", "fails", "crash", "crash late"]
STEPS: tuple[Step, ...] = ("read", "call", "answer", "answer last", "unclear", "fails")
CRASHES: tuple[Step, ...] = ("crash", "crash late")


@dataclass(frozen=True)
class Scene:
    """A log, the sessions that Zoho doesn't know, and the order in which things happen."""

    log: tuple[Entry, ...]
    gone: frozenset[int]
    steps: tuple[Step, ...]

    def __repr__(self) -> str:
        """One line for each record, then what happens."""
        lines = "".join(f"\n    {entry!r}" for entry in self.log)
        gone = f"\n  gone: sessions {sorted(self.gone)}" if self.gone else ""
        return f"{lines}{gone}\n  then: {' · '.join(self.steps)} · and so on to the end\n"

    def _repr_pretty_(self, printer: RepresentationPrinter, _cycle: bool) -> None:
        """What Hypothesis prints."""
        printer.text(repr(self))


@st.composite
def scenes(draw: st.DrawFn, *, crashes: bool = False, simple: bool = False) -> Scene:
    """Few sessions, times and revisions, so that ties and circles come often.

    `simple`: all events of a session have revisions, or none, and a partition of its own: then `newer`
    is transitive, and doesn't depend on who is read first.
    """
    sessions, times = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    masks = draw(st.sampled_from(((0,), (0, 1), (0, 1, 2, 3))))
    any_refused = draw(st.booleans())
    revised = draw(st.sets(st.integers(0, 2)))
    drawn = []
    for number in range(draw(st.integers(1, 7))):
        session = draw(st.integers(0, sessions - 1))
        has_revision = session in revised if simple else draw(st.booleans())
        revision = draw(st.integers(0, times)) if has_revision else None
        time, fields = draw(st.integers(0, times)), draw(st.sampled_from(masks))
        refused = any_refused and draw(st.booleans())
        drawn.append(Sketch(f"e{number}", session, revision, time, fields, refused))
    # Lengths of their own: Hypothesis by itself draws mostly short ones.
    length = draw(st.integers(1, 10))
    order = draw(st.lists(st.sampled_from(drawn), min_size=length, max_size=length))
    origins = draw(st.permutations(range(length))) if draw(st.booleans()) else range(length)
    log = []
    for offset, (event, origin) in enumerate(zip(order, origins, strict=True)):
        partition = event.session if simple else draw(st.integers(0, 1))
        log.append(Entry(event, partition, offset, origin))
    gone = frozenset({2}) if draw(st.booleans()) else frozenset[int]()
    length = draw(st.integers(0, 40))
    possible = STEPS + CRASHES if crashes else STEPS
    steps = draw(st.lists(st.sampled_from(possible), min_size=length, max_size=length))
    return Scene(tuple(log), gone, tuple(steps))


@dataclass
class Delivery:
    """The backlog, driven through a scene.

    `remembers`: a crash forgets no record that was settled beyond the position (read from the outcomes).
    """

    scene: Scene
    remembers: bool = True
    ledger: RecordedLedger = field(default_factory=RecordedLedger)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    # Records that were settled as they came, because a copy was waiting.
    repeated: set[int] = field(default_factory=set)
    by: dict[int, int] = field(default_factory=dict)
    # Calls that a crash may cost, by session.
    allowed: Counter[int] = field(default_factory=Counter)
    backlog: Backlog = field(init=False)
    zoho: ZohoState = field(init=False)
    unread: list[int] = field(init=False)
    waiting: dict[int, Entry] = field(init=False)
    out: list[Group] = field(init=False)
    on_trial: dict[int, int] = field(init=False)

    def __post_init__(self) -> None:
        """The first start."""
        self.zoho = ZohoState(self.scene.gone)
        self._start(range(len(self.scene.log)))

    def run(self) -> None:
        """Do the steps, then what is left."""
        for step in self.scene.steps:
            self._do(step)
        while self.unread or self.waiting:
            for step in ("read", "call", "answer"):
                self._do(step)

    def _start(self, unread: Sequence[int]) -> None:
        self.unread = list(unread)
        self.backlog = Backlog(ledger=self.ledger)
        self.waiting = {}
        self.out = []
        self.on_trial = {}

    def _do(self, step: Step) -> None:
        match step:
            case "read":
                self._read()
            case "call":
                self._call()
            case "answer" | "unclear" | "fails" if self.out:
                self._answer(self.out.pop(0), step)
            case "answer last" if self.out:
                self._answer(self.out.pop(), "answer")
            case "crash" | "crash late":
                self._crash(arrived=step == "crash late")
            case _:
                pass

    def _read(self) -> None:
        if not self.unread:
            return
        offset = self.unread.pop(0)
        entry = self.scene.log[offset]
        copies = [e for e in self.waiting.values() if e.event == entry.event]
        self.waiting[offset] = entry
        settled = self.backlog.add(entry.change(offset))
        if copies and settled:
            assert [offset] == [each.change.record.offset for each in settled]
            self.repeated.add(offset)
        self._settle(settled)

    def _call(self) -> None:
        group = self.backlog.take(0.0)
        if group is None:
            return
        session = self._event(group).session
        assert session not in [self._event(other).session for other in self.out]
        # A change that was found guilty once is tried to the end.
        if session in self.on_trial:
            assert self.on_trial[session] == group.sent.record.offset
        self.out.append(group)

    def _answer(self, group: Group, step: Step) -> None:
        event = self._event(group)
        self.on_trial.pop(event.session, None)
        if step != "answer":
            if step == "fails":
                self.on_trial[event.session] = group.sent.record.offset
                group.sent.attempts = Attempts(counted=1)
            elif group.sent.attempts.on_trial:
                self.on_trial[event.session] = group.sent.record.offset
            self.backlog.put_back(group)
        elif self.zoho.call(event):
            self._settle(self.backlog.applied(group))
        else:
            self._settle(self.backlog.refused(group, whole_session=event.session in self.scene.gone))

    def _settle(self, settled: Sequence[Settled]) -> None:
        for each in settled:
            offset = each.change.record.offset
            del self.waiting[offset]
            if offset not in self.outcomes:
                self.outcomes[offset] = each.outcome
                if each.by is not None:
                    self.by[offset] = each.by.record.offset
        assert len(self.waiting) == self.backlog.events

    def _crash(self, *, arrived: bool) -> None:
        for group in self.out:
            if arrived:
                self.allowed[self._event(group).session] += 1
                self.zoho.call(self._event(group))
        log = self.scene.log
        read = [offset for offset in range(len(log)) if offset not in self.unread]
        position = {
            partition: min((o for o in self.waiting if log[o].partition == partition), default=len(log))
            for partition in {entry.partition for entry in log}
        }
        again = [offset for offset in read if offset >= position[log[offset].partition]]
        if self.remembers:
            again = [offset for offset in again if offset not in self.outcomes]
        for offset in again:
            if self.outcomes.get(offset) == "dead_lettered":
                self.allowed[log[offset].event.session] += 1
        self._start([*again, *self.unread])

    def _event(self, group: Group) -> Sketch:
        return self.scene.log[group.sent.record.offset].event


def check(scene: Scene, delivery: Delivery) -> None:
    """Law 5, after the run."""
    outcomes, zoho = one_by_one(scene.log, scene.gone)
    delivery.run()

    assert zoho.fields == delivery.zoho.fields
    assert len(scene.log) == len(delivery.outcomes)
    for offset, expected in enumerate(outcomes):
        allowed = {expected}
        if expected in ("applied", "dead_lettered"):
            allowed.add("superseded")
        if offset in delivery.repeated and expected != "applied":
            allowed.add("duplicate")
        assert delivery.outcomes[offset] in allowed, f"record {offset}: {expected} one by one"
    for offset, by in delivery.by.items():
        assert offset < by
        assert delivery.outcomes[by] == "applied"
    for session, calls in delivery.zoho.calls.items():
        assert calls <= zoho.calls[session] + delivery.allowed[session], f"calls of session {session}"


@given(scenes())
@settings(max_examples=2000, deadline=None)
def test_law_5_the_end_state_is_that_of_one_by_one_delivery(scene: Scene) -> None:
    """For any order, revisions, times, fields, copies, replays, refusals, and any interleaving."""
    check(scene, Delivery(scene))


@given(scenes(crashes=True))
@settings(max_examples=2000, deadline=None)
def test_law_5_holds_over_crashes_where_outcomes_are_remembered(scene: Scene) -> None:
    """At most one repeated call for each session and crash, whatever the revisions and partitions."""
    check(scene, Delivery(scene))


@given(scenes(crashes=True, simple=True))
@settings(max_examples=2000, deadline=None)
def test_law_5_holds_over_crashes_where_the_ledger_alone_is_left(scene: Scene) -> None:
    """A record that was settled beyond the position is judged again, and comes to nothing new."""
    check(scene, Delivery(scene, remembers=False))

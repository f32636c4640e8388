"""Plans, and runs that are interrupted anywhere and resumed: each dead letter is sent once."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from hypothesis import given
from hypothesis import strategies as st

from consumer.delivery.replay import Replay, read_replay
from consumer.dlq.plan import Plan, Rules, check_again, make_plan, through
from consumer.dlq.register import Register
from consumer.dlq.scope import Scope
from consumer.dlq.selection import Selection
from consumer.records import Record
from schemas.error_class import ErrorClass
from tests.fakes.dlq_topics import Failed, at

BEGAN_MINUTE = 1_000
CLASSES = (ErrorClass.SESSION_NOT_FOUND, ErrorClass.FAILED_AT_ZOHO, ErrorClass.EVENT_INVALID)
# What may happen to a dead letter before a run, or between its lives.
EVENTS = ("applied", "discarded", "open", "newer", "replayed by another")

failures = st.lists(
    st.builds(
        Failed,
        minute=st.integers(0, 40),
        number=st.integers(0, 5),
        partition=st.integers(0, 2),
        error_class=st.sampled_from(CLASSES),
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda failed: failed.id,
)
happenings = st.lists(st.tuples(st.integers(0, 11), st.sampled_from(EVENTS)), max_size=6)
# Of each life: how far it came, and which of the records under way then the broker had stored.
cuts = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 15)), max_size=4)


@dataclass
class Topics:
    """The three topics, as lists."""

    letters: list[Record] = field(default_factory=list)
    replays: list[Record] = field(default_factory=list)
    outcomes: list[Record] = field(default_factory=list)

    def register(self, selection: Selection, ends: dict[int, int] | None = None) -> Register:
        """All that is known, of the dead letters up to `ends`."""
        register = Register(selection.wants)
        bounded = [each for each in self.letters if ends is None or each.offset < ends.get(each.partition, 0)]
        register.add_letters(bounded)
        register.add_replays(self.replays)
        register.add_outcomes(self.outcomes)
        return register

    def ends(self) -> dict[int, int]:
        """Of the dead-letter topic."""
        return {each.partition: each.offset + 1 for each in self.letters}

    def put(self, failed: Failed, replayed: int = 0) -> None:
        """A dead letter."""
        self.letters.append(failed.letter(self.ends().get(failed.partition, 0), replayed=replayed))

    def happens(self, failed: Failed, what: str, minute: int) -> None:
        """To one dead letter."""
        if what == "newer":
            self.outcomes.append(replace_minute(failed, 60).outcome("applied", minute=minute))
        elif what == "replayed by another":
            register = self.register(Selection())
            count = register.standing(register.letters[failed.id]).replay_count + 1
            self.replays.append(failed.replay(count=count, run="another", minute=minute))
            self.put(failed, count)
            self.outcomes.append(failed.state("open", count=count, run="another", minute=minute))
        else:
            register = self.register(Selection())
            count = register.standing(register.letters[failed.id]).replay_count
            state = failed.state(what, count=count, run=None, minute=minute)  # type: ignore[arg-type]
            self.outcomes.append(state)

    def sent_by(self, run: str) -> dict[str, Replay]:
        """The run's replays; AssertionError where one was sent twice."""
        found = [replay for each in self.replays if (replay := read_replay(each)) and replay.run_id == run]
        assert [] == [each for each, times in Counter(r.dead_letter_id for r in found).items() if times > 1]
        return {replay.dead_letter_id: replay for replay in found}


def replace_minute(failed: Failed, minute: int) -> Failed:
    """Another, newer event of its session."""
    return replace(failed, minute=minute)


def send(topics: Topics, failures: Sequence[Failed], plan: Plan, rules: Rules, life: tuple[int, int]) -> None:
    """A life that ends after so many records; of the next four, under way, some were stored (bits).

    As the product does: each is looked at again right before it goes, the first one goes alone.
    """
    cut, stored = life
    by_id = {failed.id: failed for failed in failures}
    alone = not topics.sent_by("run")
    register = topics.register(rules.selection)
    good, _ = check_again(plan.items, register.standing, rules)
    arrived = [*good[:cut], *(item for bit, item in enumerate(good[cut : cut + 4]) if stored >> bit & 1)]
    if alone and cut == 0:
        arrived = good[:1] if stored & 1 else []
    for item in arrived:
        failed = by_id[item.letter.id]
        topics.replays.append(failed.replay(count=item.count, run="run", minute=BEGAN_MINUTE))


@given(failures, happenings, st.booleans(), st.none() | st.integers(1, 12))
def test_a_plan_is_a_partition_of_what_was_meant(
    failed: list[Failed], before: list[tuple[int, str]], force: bool, limit: int | None
) -> None:
    """No id twice; what is replayed and what is left out are what was meant; a limit holds."""
    topics = Topics()
    for each in failed:
        topics.put(each)
    for place, what in before:
        topics.happens(failed[place % len(failed)], what, 50)
    register = topics.register(Selection())

    plan = make_plan(register, register.standing, Rules(Selection(), force=force, limit=limit))

    ids = [item.letter.id for item in plan.items] + [each.letter.id for each in plan.skipped]
    assert sorted(each.id for each in failed) == sorted(ids)
    assert len(plan.items) <= (limit or len(failed))
    assert plan.least_calls <= plan.most_calls == len(plan.items)
    for number in range(3):
        own = [item.letter.origin.offset for item in plan.items if item.letter.origin.partition == number]
        assert sorted(own) == own


@given(failures, happenings, happenings, cuts, st.none() | st.integers(1, 8))
def test_a_run_that_is_interrupted_anywhere_sends_each_once(
    failed: list[Failed],
    before: list[tuple[int, str]],
    between: list[tuple[int, str]],
    lives: list[tuple[int, int]],
    limit: int | None,
) -> None:
    """Whatever happened meanwhile: all of the first plan but what others settled or replayed."""
    topics = Topics()
    for each in failed:
        topics.put(each)
    for place, what in before:
        topics.happens(failed[place % len(failed)], what, 50)
    scope = Scope(Selection(), topics.ends(), max_replays=3)
    rules = Rules(Selection(), limit=limit)
    register = topics.register(Selection())
    plan = first = make_plan(register, register.standing, rules)
    scope = replace(scope, through=None if limit is None else through(plan.items))
    touched = set()

    for number, life in enumerate([*lives, (len(failed), 0)]):
        send(topics, failed, plan, rules, life)
        sent = topics.sent_by("run")
        if not sent:  # nothing arrived: there is no run yet, and it is begun again
            continue
        if number < len(between):
            place, what = between[number]
            other = failed[place % len(failed)]
            if other.id not in sent:
                topics.happens(other, what, BEGAN_MINUTE + 1)
                touched.add(other.session)
        found = Scope.from_json(scope.to_json())
        rules = Rules(found.selection, through=found.through, began_at=at(BEGAN_MINUTE).timestamp())
        register = topics.register(found.selection, dict(found.ends))
        plan = make_plan(register, register.standing, rules, sent=sent)
        ids = {item.letter.id for item in plan.items} | {each.letter.id for each in plan.skipped}
        assert not ids & sent.keys()
    send(topics, failed, plan, rules, (len(failed), 0))

    sent = topics.sent_by("run")
    meant = {item.letter.id for item in first.items}
    untouched = {each.id for each in failed if each.session not in touched}
    assert meant & untouched == sent.keys() & untouched
    assert sent.keys() <= meant | {each.id for each in failed if each.session in touched}

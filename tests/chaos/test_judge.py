"""The judge's every check goes red on evidence that was made for it, and is silent on a good run."""

from dataclasses import replace

import pytest

from consumer.records import TopicPartition
from tests.chaos.evidence import Evidence, Letter, SeenCall, SourceRecord, Trouble
from tests.chaos.group_log import Commit, GroupLog, Tenure
from tests.chaos.judge import judge
from tests.chaos.plan import PlannedEvent, plan
from tests.chaos.timeline import summary, timeline

TOPIC = "source"
FOREVER = float("inf")


def call(event: str, at: float, replica: int = 0, *, settled: bool = True) -> SeenCall:
    """A call that took 0.1 s."""
    end = at + 0.1
    return SeenCall(at, replica, event, "applied", settled, end if settled else None, end)


def tenure(generation: int, replica: int | None, begins_at: float, ends_at: float = FOREVER) -> Tenure:
    """One replica's, or nobody's."""
    owners = {} if replica is None else {TOPIC: f"replica-{replica}"}
    return Tenure(generation, owners, begins_at, ends_at)


def committed(at: float, position: int) -> Commit:
    """Of the one partition."""
    return Commit(at, TopicPartition(TOPIC, 0), position, "")


PLAN = replace(
    plan(1),
    requests=3,
    window_seconds=10.0,
    events=(
        PlannedEvent("e0", 0, "good", describes=True, at=0.0),
        PlannedEvent("e1", 0, "good", describes=False, at=0.0),
        PlannedEvent("e2", 2, "unreadable", describes=False, at=0.0),
    ),
)
GOOD = Evidence(
    plan=PLAN,
    topic=TOPIC,
    started_at=0.0,
    records=tuple(SourceRecord(0, offset, f"e{offset}") for offset in range(3)),
    calls=(call("e0", 1.0), call("e1", 2.0)),
    letters=(Letter("source:0:2", "e2", 1.0),),
    group=GroupLog((tenure(1, 0, 0.5),), (committed(1.2, 1), committed(2.2, 3))),
    troubles=(),
    states={0: ("e1", "as of e0")},
    failures=(),
    lag_seconds=0.0,
)
KILL = Trouble("replica 0 was killed", 1.15, 1.15, 0, violent=True)
TAKEN_OVER = GroupLog((tenure(1, 0, 0.5, 4.0), tenure(2, 1, 4.0)), (committed(5.2, 3),))


def test_a_good_run_has_no_finding() -> None:
    """Everything once, in order, within the quota, by the owner."""
    assert judge(GOOD) == []


@pytest.mark.parametrize(
    ("run", "finding"),
    [
        (replace(GOOD, failures=("not finished",)), "not finished"),
        (replace(GOOD, plan=replace(PLAN, requests=1)), "over the quota: 2 calls in 10 s from 1.00 s on"),
        (replace(GOOD, calls=(call("e0", 1.0), call("e1", 2.0, replica=1))), "no owner: a call of replica-1"),
        (replace(GOOD, group=GroupLog((tenure(1, 0, 0.5, 1.5), tenure(2, None, 1.5)), ())), "no owner"),
        (replace(GOOD, calls=(call("e0", 1.0), call("e1", 2.0, settled=False))), "lost: e1 at source:0:1"),
        (replace(GOOD, letters=()), "lost: e2 at source:0:2, never dead-lettered"),
        (
            replace(GOOD, letters=(*GOOD.letters, Letter("source:0:1", "e1", 2.0))),
            "dead-lettered though applied: e1",
        ),
        (
            replace(GOOD, calls=(call("e0", 1.0),), letters=(*GOOD.letters, Letter("source:0:1", "e1", 2.0))),
            "dead-lettered though Zoho takes it: e1",
        ),
        (replace(GOOD, records=GOOD.records[:2]), "never published"),
        (replace(GOOD, states={0: ("e0", "as of e0")}), "wrong end state: session 0"),
        (replace(GOOD, states={0: ("e1", None)}), "wrong end state: session 0"),
        (replace(GOOD, calls=(*GOOD.calls, call("e0", 3.0))), "unexplained: a second call for e0"),
        (replace(GOOD, letters=GOOD.letters * 2), "unexplained: a second dead letter for e2"),
    ],
)
def test_each_breach_is_found(run: Evidence, finding: str) -> None:
    """One thing is wrong with each run, and it is said."""
    assert [found for found in judge(run) if found.startswith(finding)]


def test_a_second_call_is_explained_by_a_crash_before_the_commit() -> None:
    """Killed 50 ms after the answer, taken over with nothing committed: the call had to be made again."""
    run = replace(
        GOOD,
        troubles=(KILL,),
        group=TAKEN_OVER,
        calls=(call("e0", 1.0), call("e0", 4.1, 1), call("e1", 4.3, 1)),
    )

    assert [finding for finding in judge(run) if "second call" in finding] == []


@pytest.mark.parametrize(
    "run",
    [
        # No trouble at all, only another owner.
        replace(GOOD, group=TAKEN_OVER, calls=(call("e0", 1.0), call("e0", 4.1, 1))),
        # The other replica was killed.
        replace(
            GOOD,
            troubles=(replace(KILL, replica=1),),
            group=TAKEN_OVER,
            calls=(call("e0", 1.0), call("e0", 4.1, 1)),
        ),
        # Long after the answer: it should have been committed.
        replace(
            GOOD,
            troubles=(replace(KILL, begins_at=3.0, ends_at=3.0),),
            group=TAKEN_OVER,
            calls=(call("e0", 1.0), call("e0", 4.1, 1)),
        ),
        # It was committed.
        replace(
            GOOD,
            troubles=(KILL,),
            group=replace(TAKEN_OVER, commits=(committed(1.2, 1),)),
            calls=(call("e0", 1.0), call("e0", 4.1, 1)),
        ),
    ],
)
def test_a_second_call_without_a_reason_is_found(run: Evidence) -> None:
    """A crash excuses only what it can have kept from being committed."""
    assert [finding for finding in judge(run) if "second call for e0" in finding]


def test_a_frozen_owners_late_copy_is_not_taken_for_the_second() -> None:
    """Its dead letter was made before the freeze and stored after the one of who took over."""
    run = replace(
        GOOD,
        troubles=(replace(KILL, what="replica 0 was frozen", begins_at=1.3, ends_at=4.5),),
        group=TAKEN_OVER,
        calls=(),
        letters=(Letter("source:0:2", "e2", 4.2), Letter("source:0:2", "e2", 1.2)),
    )

    assert [finding for finding in judge(run) if "second dead letter" in finding] == []


def test_an_older_record_that_is_open_excuses_what_came_after_it() -> None:
    """e0 was still open at the hand-over, so e1 could not be committed and is called again."""
    run = replace(GOOD, group=TAKEN_OVER, calls=(call("e1", 1.0), call("e0", 4.1, 1), call("e1", 4.3, 1)))

    assert [finding for finding in judge(run) if "second call" in finding] == []


def test_the_timeline_names_troubles_owners_and_calls() -> None:
    """In the order of time."""
    run = replace(GOOD, troubles=(KILL,))

    assert [
        "   0.50  = generation 1: replica-0 owns the account",
        "   1.00    replica 0 calls: 1 applied",
        "   1.15  ! replica 0 was killed",
        "   2.00    replica 0 calls: 1 applied",
    ] == timeline(run).splitlines()
    assert "3 events, 2 calls, 1 dead letters" in summary(run)

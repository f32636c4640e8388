"""Whether a run kept the laws: every finding is a sentence. Pure."""

from bisect import bisect_left
from collections.abc import Iterator, Set

from tests.chaos.evidence import Evidence
from tests.chaos.oracle import deliver
from tests.chaos.repeats import unexplained

# What passes between a call's start and its arrival, on a busy machine, beside the test's own lag.
ARRIVAL_SECONDS = 0.25


def judge(run: Evidence) -> list[str]:
    """Every breach of a law; an empty list is a good run."""
    return [
        *run.failures,
        *over_quota(run),
        *without_ownership(run),
        *lost(run),
        *wrong_states(run),
        *unexplained(run),
    ]


def over_quota(run: Evidence) -> Iterator[str]:
    """Law 2: the window with the most calls, where that is more than the quota."""
    plan = run.plan
    arrivals = sorted(call.at for call in run.calls)
    counts = [bisect_left(arrivals, at + plan.window_seconds) - i for i, at in enumerate(arrivals)]
    most = max(counts, default=0)
    if most > plan.requests:
        first = arrivals[counts.index(most)]
        yield (
            f"over the quota: {most} calls in {plan.window_seconds:g} s from {_clock(run, first)} on, "
            f"{plan.requests} are allowed"
        )


def without_ownership(run: Evidence) -> Iterator[str]:
    """Law 3: the calls of replicas that did not own the topic, by the broker's own record of the group."""
    slack_seconds = ARRIVAL_SECONDS + run.lag_seconds
    for call in run.calls:
        name = replica_name(call.replica)
        owned = any(
            tenure.owners.get(run.topic) == name
            and tenure.begins_at <= call.at <= tenure.ends_at + slack_seconds
            for tenure in run.group.tenures
        )
        if not owned:
            yield f"no owner: a call of {name} for {call.event} at {_clock(run, call.at)}"


def lost(run: Evidence) -> Iterator[str]:
    """Law 1: every record is applied, overtaken or dead-lettered, as the oracle says, and none both."""
    applied = {call.event for call in run.calls if call.written_at is not None and call.event is not None}
    dead = {letter.id for letter in run.letters}
    planned = {event.id: event for event in run.plan.events}
    good = deliver(planned[record.event] for record in run.records).applied
    overtaken = _overtaken(run, applied & good)
    for record in run.records:
        where = f"{run.topic}:{record.partition}:{record.offset}"
        if record.event in good and record.event not in applied | overtaken:
            fate = "dead-lettered though Zoho takes it" if where in dead else "lost"
            yield f"{fate}: {record.event} at {where}, never applied"
        elif record.event in good and where in dead:
            yield f"dead-lettered though applied: {record.event} at {where}"
        elif record.event not in good | overtaken and where not in dead:
            yield f"lost: {record.event} at {where}, never dead-lettered"
    missing = planned.keys() - {record.event for record in run.records}
    if missing and not run.failures:
        yield f"never published, so the run proves little: {', '.join(sorted(missing))}"


def _overtaken(run: Evidence, applied: Set[str]) -> set[str]:
    """Events that a newer one of their session, which was applied, has made needless."""
    planned = {event.id: event for event in run.plan.events}
    done: set[int] = set()
    found = set()
    for record in reversed(run.records):
        session = planned[record.event].session
        if session in done:
            found.add(record.event)
        if record.event in applied:
            done.add(session)
    return found


def wrong_states(run: Evidence) -> Iterator[str]:
    """Law 5: every session ends as delivery one by one, in order, leaves it."""
    planned = {event.id: event for event in run.plan.events}
    expected = deliver(planned[record.event] for record in run.records).states
    for session in sorted(expected.keys() | run.states.keys()):
        ours, theirs = expected.get(session), run.states.get(session)
        if ours != theirs:
            yield f"wrong end state: session {session} is {theirs}, one by one it is {ours}"


def replica_name(replica: int) -> str:
    """A replica's client id, as the broker knows it."""
    return f"replica-{replica}"


def _clock(run: Evidence, at: float) -> str:
    return f"{at - run.started_at:.2f} s"

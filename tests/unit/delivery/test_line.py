"""The rules of newest wins, in small examples; that they keep law 5 is proven in the properties."""

from consumer.delivery.backlog import Backlog
from consumer.delivery.change import Attempts, Change
from consumer.delivery.line import Settled
from tests.fakes.one_by_one import Entry, RecordedLedger, Sketch

NAME_ALONE, DESCRIPTION = 0, 1


def event(offset: int, time: int, fields: int = NAME_ALONE, name: str = "") -> Change:
    """An event of the one session."""
    sketch = Sketch(name or f"e{offset}", 1, None, time, fields, refused=False)
    return Entry(sketch, 0, offset, offset).change(offset)


def waiting(*changes: Change) -> Backlog:
    """A backlog with these, nothing applied yet."""
    backlog = Backlog(ledger=RecordedLedger())
    assert [[]] * len(changes) == [backlog.add(change) for change in changes]
    return backlog


def told(settled: list[Settled]) -> list[tuple[int, str, int | None]]:
    """Offset, outcome, and the offset of what superseded it."""
    return [
        (each.change.record.offset, each.outcome, each.by.record.offset if each.by else None)
        for each in settled
    ]


def test_the_newest_is_sent_and_makes_the_others_needless() -> None:
    """One call for three changes."""
    backlog = waiting(event(0, 1), event(1, 2), event(2, 3))
    group = backlog.take(0)

    assert group is not None
    assert [(0, "superseded", 2), (1, "superseded", 2), (2, "applied", None)] == told(backlog.applied(group))
    assert (0, 0) == (backlog.events, backlog.sessions)


def test_an_older_one_that_sets_a_field_more_is_sent_first() -> None:
    """PATCH leaves absent fields alone: its description would be lost."""
    backlog = waiting(event(0, 1), event(1, 2, DESCRIPTION), event(2, 3))
    first = backlog.take(0)

    assert first is not None
    assert [(0, "superseded", 1), (1, "applied", None)] == told(backlog.applied(first))

    second = backlog.take(0)
    assert second is not None
    assert [(2, "applied", None)] == told(backlog.applied(second))


def test_a_refused_newest_gives_the_next_older_one_its_turn() -> None:
    """It alone is dead-lettered."""
    backlog = waiting(event(0, 1), event(1, 2), event(2, 3))
    first = backlog.take(0)

    assert first is not None
    assert [(2, "dead_lettered", None)] == told(backlog.refused(first, whole_session=False))

    second = backlog.take(0)
    assert second is not None
    assert [0, 1] == [change.record.offset for change in second.changes]


def test_an_answer_about_the_session_settles_the_whole_group() -> None:
    """Those that were never sent have no call to their name."""
    backlog = waiting(event(0, 1), event(1, 2))
    group = backlog.take(0)

    assert group is not None
    settled = backlog.refused(group, whole_session=True)
    assert [(0, "dead_lettered", None), (1, "dead_lettered", None)] == told(settled)


def test_what_comes_while_a_call_is_out_waits_behind_it() -> None:
    """One call per session at a time; then the stale head costs none."""
    backlog = waiting(event(0, 5))
    group = backlog.take(0)
    assert group is not None
    assert [[], []] == [backlog.add(event(1, 4)), backlog.add(event(2, 6))]
    assert backlog.take(0) is None

    assert [(0, "applied", None), (1, "stale", None)] == told(backlog.applied(group))


def test_stale_and_repeated_events_cost_no_call() -> None:
    """Against the last applied one and those that wait."""
    backlog = waiting(event(0, 5, name="x"))
    assert [(1, "duplicate", None)] == told(backlog.add(event(1, 5, name="x")))
    group = backlog.take(0)
    assert group is not None
    backlog.applied(group)

    assert [(2, "duplicate", None)] == told(backlog.add(event(2, 5, name="x")))
    assert [(3, "stale", None)] == told(backlog.add(event(3, 4)))


def test_a_copy_that_one_by_one_would_be_called_again_waits_for_its_turn() -> None:
    """x and y of one time, then x again: the last one read of that time stands in the end."""
    backlog = waiting(event(0, 5, name="x"), event(1, 5, name="y"), event(2, 5, name="x"))
    first = backlog.take(0)

    assert first is not None
    assert [(0, "superseded", 1), (1, "applied", None)] == told(backlog.applied(first))
    assert 1 == backlog.events


def test_a_newer_one_takes_over_from_a_retried_one_unless_that_is_on_trial() -> None:
    """Else each newer one would begin the attempts anew, and they would never get to an end."""
    for attempts, sent in ((Attempts(calls=1), 1), (Attempts(calls=1, failed=1, counted=1), 0)):
        backlog = waiting(event(0, 1))
        group = backlog.take(0)
        assert group is not None
        backlog.add(event(1, 2))
        group.sent.attempts = attempts
        backlog.put_back(group)
        again = backlog.take(0)

        assert again is not None
        assert sent == again.sent.record.offset

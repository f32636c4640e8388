"""The picture at a glance."""

from consumer.cli.dlq.stats_text import lines_of
from consumer.dlq.letter import Letter
from consumer.dlq.register import Register
from consumer.dlq.stats import Stats
from schemas.error_class import ErrorClass
from tests.fakes.dlq_topics import SOURCE, Failed, at

NOW = at(10 * 60).timestamp()


def letter(failed: Failed) -> Letter:
    """As it is read."""
    (found,) = Register().add_letters([failed.letter()])
    return found


def stats(*states: str, hours: int = 24) -> Stats:
    """One dead letter in each of these states, an hour apart, the first at the scene's beginning."""
    found = Stats(NOW, hours)
    found.add((letter(Failed(minute=number * 60)), state) for number, state in enumerate(states))
    return found


def test_counts_are_by_state_and_total() -> None:
    """Of all, and of each class, publisher and account."""
    found = stats("open", "open", "applied").to_object()

    counts = {"open": 2, "replaying": 0, "applied": 1, "superseded": 0, "discarded": 0}
    assert (3, counts) == (found["total"], found["by_state"])
    assert {"total": 3} | counts == {
        name: found["by_class"]["session_not_found"][name] for name in ("total", *counts)
    }
    assert ["/lms/planner"] == list(found["by_source"])


def test_the_oldest_is_the_oldest_open() -> None:
    """Not the oldest of all; with its age in seconds."""
    found = stats("discarded", "open", "open").to_object()["oldest_open"]

    assert (f"{SOURCE}:0:60", 9 * 3_600) == (found["id"], found["age_seconds"])
    assert stats("applied").to_object()["oldest_open"] is None


def test_hours_are_the_last_ones() -> None:
    """The present one is the last; what failed before them counts elsewhere."""
    hours = stats("open", "applied", "open", hours=9).to_object()["by_hour"]

    assert ("2026-11-20T10:00:00Z", "2026-11-20T18:00:00Z") == (min(hours), max(hours))
    assert [1] + [0] * 8 == [each["total"] for each in hours.values()]


def test_what_has_most_open_ones_comes_first() -> None:
    """Whatever the rest of them."""
    found = Stats(NOW, 24)
    for number, (error_class, state) in enumerate(
        [
            (ErrorClass.EVENT_INVALID, "discarded"),
            (ErrorClass.EVENT_INVALID, "discarded"),
            (ErrorClass.FAILED_AT_ZOHO, "open"),
        ]
    ):
        found.add([(letter(Failed(minute=number, error_class=error_class)), state)])

    assert ["failed_at_zoho", "event_invalid"] == [row["class"] for row in found.class_rows()]


def test_the_text_fits_80_columns_and_names_what_to_do() -> None:
    """However many and long the publishers' names; only of classes with open ones."""
    found = stats("open", "open")
    found.add(
        (letter(Failed(minute=number, source=f"https://{number}.example.com/" + "x" * 90)), "applied")
        for number in range(20)
    )
    found.add([(letter(Failed(minute=1, error_class=ErrorClass.EVENT_INVALID)), "discarded")])

    lines = list(lines_of(found, {SOURCE}, several=True))

    assert max(map(len, lines)) <= 80
    assert "Oldest open: 0:0, for 10h (session_not_found)." in lines
    assert "  docs/runbook/session-not-found.md" in lines
    assert "  docs/runbook/event-invalid.md" not in lines
    assert any(line.startswith("(13 more)") for line in lines)


def test_an_unknown_class_of_a_newer_release_is_told() -> None:
    """With what can be said of it."""
    found = stats("open")
    found.by_class["new_class"] = found.by_class.pop("session_not_found")

    assert any(line.startswith("new_class (unknown): ") for line in lines_of(found, {SOURCE}, several=False))


def test_nothing_and_nothing_open_are_said() -> None:
    """In a sentence each."""
    assert ["No dead letters."] == list(lines_of(stats(), {SOURCE}, several=False))
    assert "Nothing is open." in lines_of(stats("applied"), {SOURCE}, several=False)


def test_hours_beyond_a_line_are_summed_up() -> None:
    """So that the bars of a month fit."""
    *_, heading, bars = lines_of(stats("open", "open", hours=720), {SOURCE}, several=False)

    assert heading.startswith("FAILED IN EACH 15 HOURS SINCE ")
    assert "2 in all, 2 at most" in bars
    assert len(bars) <= 80

"""All there is to know of one dead letter."""

from dataclasses import replace

from consumer.dlq.dossier import Dossier, copy_of
from consumer.dlq.dossier_reading import Search, Wanted
from consumer.records import Record
from consumer.settings import TopicNames
from schemas.error_class import ErrorClass
from tests.fakes.dlq_topics import SOURCE, Failed

FAILED = Failed(minute=10)
AGAIN = replace(FAILED, error_class=ErrorClass.FORBIDDEN_BY_ZOHO)


def dossier(*letters: Record) -> Dossier:
    """Of these copies."""
    return Dossier("default", [copy for each in letters if (copy := copy_of(each)) is not None])


def test_the_history_is_in_order_and_says_nothing_twice() -> None:
    """A copy written twice, a replay and its beginning, a failure and the state it led to."""
    found = dossier(FAILED.letter(0), FAILED.letter(1), AGAIN.letter(2, replayed=1))
    found.add_replays([FAILED.replay(0), FAILED.replay(1, count=2, run="run-2", minute=90)])
    found.add_outcomes(
        [
            FAILED.state("replaying"),
            FAILED.state("open", outcome="dead_lettered"),
            FAILED.state("applied", count=2, run="run-2", minute=95, outcome="applied"),
            FAILED.state("discarded", count=2, run=None, minute=99),
        ]
    )

    assert ["failed", "failed", "replayed", "replayed", "applied", "discarded"] == [
        each["what"] for each in found.history()
    ]
    assert "discarded" == found.standing.state


def test_the_record_is_as_it_was_first_read() -> None:
    """Where it came from, when, and without the headers that we appended; of the newest copy."""
    found = dossier(FAILED.letter(0), AGAIN.letter(1, replayed=1)).record

    assert replace(FAILED.record(), offset=10) == found


def test_other_dead_letters_of_the_session_are_those_open() -> None:
    """The newest first; not its own copies."""
    found = dossier(FAILED.letter(0))
    older, newer, done = Failed(minute=2), Failed(minute=20), Failed(minute=30)
    found.register.add_letters([older.letter(1), newer.letter(2), done.letter(3)])
    found.add_outcomes([done.state("discarded", count=0)])

    assert [newer.id, older.id] == [letter.id for letter, _ in found.others()]


def test_outcomes_are_those_of_others() -> None:
    """That it was dead-lettered itself is in its history."""
    found = dossier(FAILED.letter())
    other = Failed(minute=20)
    found.add_outcomes(
        [
            FAILED.outcome("dead_lettered", dead_letter_id=FAILED.id),
            other.outcome("dead_lettered", dead_letter_id=other.id),
            FAILED.outcome("stale", dead_letter_id=FAILED.id),
            replace(FAILED.record(), topic=f"{SOURCE}.outcomes", key=b"1/2/3/100", value=b"[]"),
        ]
    )

    assert ["dead_lettered", "stale"] == [each["outcome"] for each in found.outcomes]
    assert other.id == found.outcomes[0]["deadLetterId"]


def test_ids_are_met_in_full_or_short() -> None:
    """And no other that merely ends alike."""
    full, short = Wanted.parse(f"{SOURCE}:0:41"), Wanted.parse("0:41")

    assert full.is_met_by(f"{SOURCE}:0:41".encode())
    assert short.is_met_by(f"{SOURCE}:0:41".encode())
    assert not full.is_met_by(b"other:0:41")
    assert not short.is_met_by(f"{SOURCE}:10:41".encode())
    assert not short.is_met_by(f"{SOURCE}:0:141".encode())


def test_what_is_near_is_of_the_same_partition() -> None:
    """One on each side, the nearest."""
    search, wanted = Search(TopicNames()), Wanted.parse("0:20")
    for minute, partition in ((5, 0), (18, 0), (19, 1), (30, 0), (25, 0)):
        search.keep(_Raw(Failed(minute, partition=partition).letter()), wanted)

    assert (f"{SOURCE}:0:18", f"{SOURCE}:0:25") == (
        search.before and search.before[1],
        search.after and search.after[1],
    )


class _Raw:
    """As the parser gives it."""

    def __init__(self, record: Record) -> None:
        self.offset, self.timestamp, self.key = record.offset, record.timestamp_ms, record.key
        self.value, self.headers = record.value, record.headers

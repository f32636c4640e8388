"""Which of two events is newer: the contract's sentences, one by one."""

import pytest

from consumer.delivery.change import change_of
from consumer.delivery.newness import NOT_READ, Version, newer, version_of
from consumer.delivery.outcome import Origin
from consumer.events.model import EventRules
from consumer.events.reading import reread
from consumer.events.zones import load_zone
from consumer.records import TopicPartition
from tests.fakes.stage import TOPIC, change_record

RULES = EventRules(zone=load_zone("Asia/Kolkata"))


def version(
    revision: int | None, time: int, *, partition: int = 0, offset: int = 0, read: int = 0
) -> Version:
    """A version, in few words."""
    return Version(revision, time, TopicPartition("t", partition), offset, read, "a", "1")


@pytest.mark.parametrize(
    ("newer_one", "older_one"),
    [
        pytest.param(version(2, 1), version(1, 9), id="by revision where both have one"),
        pytest.param(version(None, 9), version(5, 1), id="by time where one has none"),
        pytest.param(version(None, 1_000_001), version(None, 1_000_000), id="a microsecond counts"),
        pytest.param(version(1, 1, offset=7), version(1, 9, offset=6), id="a tie in revision: by offset"),
        pytest.param(
            version(None, 1, offset=7), version(3, 1, offset=6, read=5), id="a replay's first origin"
        ),
        pytest.param(
            version(None, 1, partition=1, read=8), version(None, 1, offset=99, read=2), id="two partitions"
        ),
        pytest.param(
            version(1, 1, partition=1, read=0),
            version(1, 1, offset=9, read=NOT_READ),
            id="after the ledger's",
        ),
    ],
)
def test_the_newer_of_two(newer_one: Version, older_one: Version) -> None:
    """Section 6 of the contract."""
    assert newer(newer_one, older_one)
    assert not newer(older_one, newer_one)


def test_newer_may_go_in_a_circle() -> None:
    """Where some events have no revision: why no rule may rest on the newest of them all."""
    a, b, c = version(1, 5), version(2, 3), version(None, 4)

    assert newer(b, a)
    assert newer(c, b)
    assert newer(a, c)


ORIGIN = Origin(TOPIC, 0, 41)


def test_a_change_knows_what_decides_without_its_payload() -> None:
    """Fields, start and version; the rest is read from the record again."""
    record = change_record(41, 3, without=3)
    event = reread(record, RULES)
    change = change_of(event, record, ORIGIN, sequence=7)

    assert (8, event.starts_at.timestamp()) == (change.fields, change.starts_at)
    assert version_of(event, ORIGIN, 7) == change.version
    assert event.time.timestamp() == change.event_at
    assert (7, 41, "e-41") == (change.sequence, change.version.offset, change.version.id)

"""The demo's stories: what they must be for the demo to show what it says."""

from datetime import date
from itertools import islice

import pytest

from consumer.demo.catalogue import GOOD_SESSIONS, ZONE, Catalogue, Story
from consumer.demo.play import quota_seconds
from consumer.demo.stage import LIMITS
from consumer.events.model import EventRules, Refusal
from consumer.events.reading import read_record
from consumer.events.zones import load_zone
from schemas.error_class import ErrorClass

CATALOGUE_DAY = date(2026, 12, 30)  # the sessions run on into the next year
BEFORE_ZOHO = {ErrorClass.EVENT_UNREADABLE, ErrorClass.EVENT_INVALID, ErrorClass.EVENT_UNMAPPABLE}


def stories() -> list[Story]:
    catalogue = Catalogue("source", CATALOGUE_DAY)
    return catalogue.opening() + list(islice(catalogue.more(), GOOD_SESSIONS))


def test_every_error_class_is_told_once() -> None:
    """A newcomer sees each class of the contract, and each one time."""
    told = [story.error_class for story in stories() if story.error_class is not None]

    assert sorted(ErrorClass) == sorted(told)


@pytest.mark.parametrize("story", stories(), ids=lambda story: story.event_id)
def test_the_consumer_reads_each_story_as_it_is_meant(story: Story) -> None:
    """Only the kinds that fail before Zoho are refused, with the class that the story names."""
    read = read_record(story.record, EventRules(load_zone(ZONE)), 2.0**40)

    expected = story.error_class if story.error_class in BEFORE_ZOHO else None
    assert expected == (read.error_class if isinstance(read, Refusal) else None)


def test_event_ids_are_unique() -> None:
    """An event is found again by its id alone."""
    ids = [story.event_id for story in stories()]

    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(("changes", "windows"), [(1, 0), (30, 0), (31, 1), (60, 1), (120, 3)])
def test_a_rush_takes_the_windows_that_its_last_call_waits_for(changes: int, windows: int) -> None:
    """30 leave at once; the last of 31 waits one window."""
    assert windows * LIMITS.window_seconds == quota_seconds(changes)

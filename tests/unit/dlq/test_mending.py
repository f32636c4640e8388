"""A mended event in place of a dead letter's: how it goes out, and when it may not."""

import json
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from consumer.dlq.letter import Letter, read_letter
from consumer.dlq.mending import Bad, Good, is_same, mend
from consumer.events.model import EventRules, Problem
from consumer.records import Headers, Record
from schemas.error_class import ErrorClass
from tests.fakes.dlq_topics import Failed, at

RULES = EventRules(ZoneInfo("Asia/Kolkata"))
FAILED = Failed(minute=10, error_class=ErrorClass.EVENT_INVALID)
NOW = at(60).timestamp()


def letter_of(record: Record) -> Letter:
    """As it is read."""
    found = read_letter(record)
    assert found is not None
    return found


def data_of(failed: Failed = FAILED) -> dict[str, Any]:
    """An event's good `data`."""
    found: dict[str, Any] = json.loads(failed.value())
    return found


def whole(**changes: str) -> dict[str, Any]:
    """A good event, as in structured mode."""
    attributes = {
        name.removeprefix("ce_"): (value or b"").decode()
        for name, value in FAILED.record().headers
        if name.startswith("ce_")
    }
    return {**attributes, "data": data_of(), **changes}


def mended(event: object, record: Record | None = None, *, force: bool = False) -> Good | Bad:
    """The event in place of the dead letter's."""
    record = record or FAILED.letter()
    return mend(letter_of(record), record, json.dumps(event, indent=1).encode(), RULES, NOW, force=force)


def with_headers(headers: Headers) -> Record:
    """The dead letter with these of its own."""
    letter, own = FAILED.letter(), len(FAILED.record().headers)
    return replace(letter, headers=(*headers, *letter.headers[own:]))


def problems(result: Good | Bad) -> list[str]:
    """What is wrong."""
    assert isinstance(result, Bad)
    return [f"{each.line} {each.pointer} {each.problem}" for each in result.findings]


def test_bare_data_keeps_the_headers() -> None:
    """Byte for byte, and the file's bytes are the value."""
    result = mended(data_of())

    assert isinstance(result, Good)
    assert FAILED.record().headers == result.mended.headers
    assert json.dumps(data_of(), indent=1).encode() == result.mended.value


def test_broken_attributes_are_mended_by_a_whole_event() -> None:
    """The headers are made anew; those that are not the event's stay."""
    headers = tuple(
        (name, b"yesterday" if name == "ce_time" else value) for name, value in FAILED.record().headers
    )
    record = with_headers((*headers, ("trace", b"1"), ("ce_tenant", b"x")))

    bare = mended(data_of(), record)
    result = mended(whole(), record)

    assert ["/time"] == [each.split()[1] for each in problems(bare)]
    assert isinstance(result, Good)
    found = dict(result.mended.headers)
    assert (b"1", b"x", at(10).isoformat().encode()) == (found["trace"], found["ce_tenant"], found["ce_time"])
    assert len(found) == len(result.mended.headers)
    assert data_of() == json.loads(result.mended.value or b"")


def test_a_structured_one_takes_a_whole_event() -> None:
    """Bare data would lose its attributes."""
    record = with_headers((("content-type", b"application/cloudevents+json"),))

    result = mended(whole(), record)

    assert isinstance(result, Good)
    assert (("content-type", b"application/cloudevents+json"),) == result.mended.headers
    assert "give the whole event" in problems(mended(data_of(), record))[0]


def test_problems_have_their_lines_and_the_words_of_dead_letters() -> None:
    """As `event validate` says them."""
    broken = data_of()
    broken["session"]["startsAt"] = "soon"

    [problem] = problems(mended(broken))

    assert problem.startswith("10 /data/session/startsAt is not a date and time")


@pytest.mark.parametrize("change", [{"id": "another"}, {"source": "/another"}])
def test_a_mended_event_stays_the_same_event(change: dict[str, str]) -> None:
    """Neither id nor source may be another; force or not."""
    [problem] = problems(mended(whole(**change), force=True))

    assert "a mended event stays the same event" in problem


def test_another_session_needs_force() -> None:
    """It would change what nobody meant."""
    other = data_of(Failed(minute=10, number=1))

    [problem] = problems(mended(other))

    assert "1/2/3/101" in problem
    assert isinstance(mended(other, force=True), Good)


REVISED = Failed(minute=10, revision=3)


@pytest.mark.parametrize(
    ("failed", "event", "words"),
    [
        pytest.param(REVISED, {**data_of(), "revision": 9}, "revision is 9, the dead letter's 3", id="newer"),
        pytest.param(REVISED, {**data_of(), "revision": 2}, "revision is 2, the dead letter's 3", id="older"),
        pytest.param(REVISED, data_of(), "revision is none, the dead letter's 3", id="left out"),
        pytest.param(
            FAILED, {**data_of(), "revision": 1}, "revision is 1, the dead letter's none", id="added"
        ),
        pytest.param(FAILED, whole(time=at(11).isoformat()), "Its time is 2026-11-20T08:11:00", id="later"),
    ],
)
def test_a_mended_event_claims_no_other_version(failed: Failed, event: dict[str, Any], words: str) -> None:
    """It would undo a newer change; by force it may."""
    record = failed.letter()

    [problem] = problems(mended(event, record))
    forced = mended(event, record, force=True)

    assert words in problem
    assert "With --force" in problem
    assert isinstance(forced, Good)
    assert forced.own_version


@pytest.mark.parametrize(
    ("record", "event"),
    [
        pytest.param(
            Failed(minute=10, problems=(Problem("/time", "is too far ahead"),)).letter(),
            whole(time=at(20).isoformat()),
            id="a time too far ahead",
        ),
        pytest.param(
            replace(FAILED.letter(), value=b'{"revision":"7"'), {**data_of(), "revision": 7}, id="no JSON"
        ),
        pytest.param(
            replace(FAILED.letter(), value=b'{"revision":"7"}'), {**data_of(), "revision": 7}, id="no number"
        ),
        pytest.param(replace(FAILED.letter(), value=None), {**data_of(), "revision": 7}, id="no value"),
    ],
)
def test_a_broken_version_is_mended(record: Record, event: dict[str, Any]) -> None:
    """It is judged as it is, and told."""
    result = mended(event, record)

    assert isinstance(result, Good)
    assert result.own_version


def test_what_is_left_has_no_version_of_its_own() -> None:
    """The same instant written otherwise is the same time; revision 3 stays revision 3."""
    revised = mended({**data_of(), "revision": 3}, REVISED.letter())
    zoned = mended(whole(time="2026-11-20T13:40:00+05:30"))

    assert isinstance(revised, Good)
    assert isinstance(zoned, Good)
    assert (False, False) == (revised.own_version, zoned.own_version)
    assert (3, None) == (revised.version.revision, zoned.version.revision)


@pytest.mark.parametrize("raw", [b"", b"{}{}", b"[]", b"{"])
def test_what_is_not_one_event_is_refused(raw: bytes) -> None:
    """Nothing, two, none, half of one."""
    record = FAILED.letter()

    assert isinstance(mend(letter_of(record), record, raw, RULES, NOW, force=False), Bad)


def test_white_space_at_the_ends_mends_nothing() -> None:
    """Editors add it."""
    record = FAILED.letter()
    value = record.value or b""

    assert is_same(record, value + b"\n")
    assert not is_same(record, value[:-1])
    assert not is_same(record, None)
    assert is_same(replace(record, value=None), None)

"""The readers of our own topics and of the group, which others may write to: records that are nearly ours."""

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from hypothesis import strategies as st

from consumer.cli.dlq.words import age, short_id, what_went_wrong
from consumer.cli.rows import one_line
from consumer.delivery.dead_letter import Failure, Letterhead, dead_letter
from consumer.delivery.gate import AccountState, Closed
from consumer.delivery.ledger import Ledger
from consumer.delivery.mint_budget import MintBudget
from consumer.delivery.outcome import Origin
from consumer.delivery.quota import Quota, QuotaLimits
from consumer.delivery.quota_state import MAX_CHARACTERS, QuotaState, read_state, taken_over
from consumer.delivery.replay import read_replay
from consumer.dlq.contents import headers_from_json, headers_to_json, row_of
from consumer.dlq.files import Exported, folder_name
from consumer.dlq.letter import read_letter
from consumer.dlq.outcomes import read_outcome
from consumer.dlq.redaction import redact
from consumer.dlq.register import Register
from consumer.dlq.rows import row
from consumer.dlq.scope import Scope
from consumer.dlq.selection import Selection
from consumer.events.model import EventIdentity, Problem
from consumer.kafka.assignor import AccountAssignor
from consumer.kafka.outcome_reader import OutcomeReader
from consumer.records import Record
from consumer.settings import KafkaSettings
from schemas import dead_letter as names
from schemas.error_class import ErrorClass
from tests.fakes.dlq_topics import Failed
from tests.fuzz.pool import MARK, as_json, broken, changed, headers, one_in
from tests.fuzz.report import Target

NOW = 1_700_000_000.0
_FAILED = Failed(minute=10, name=MARK, problems=(Problem("/data/session/endsAt", "is missing"),))
_LETTERHEAD = Letterhead("default", "group", "0.1.0")
_FAILURE = Failure(
    ErrorClass.EVENT_INVALID, "It failed.", retryable=False, identity=EventIdentity(), failed_at=NOW
)


def _records(good: Record) -> st.SearchStrategy[Record]:
    @st.composite
    def records(draw: st.DrawFn) -> Record:
        said = draw(headers(good.headers))
        value = draw(broken(good.value or b"")) if one_in(draw, 3) else good.value
        return Record(good.topic, 0, draw(st.sampled_from([0, 7])), good.timestamp_ms, good.key, value, said)

    return records()


def judge_replay(record: Record) -> str:
    """A replay or none; should it fail again, each of our headers is there once, and no other is lost."""
    replay = read_replay(record)
    letter = dead_letter(record, _FAILURE, _LETTERHEAD, replay)
    ours = [name for name, _ in letter.headers if name in names.RESERVED_NAMES]
    assert len(ours) == len(set(ours))
    if replay is None:
        assert len(letter.headers) == len(record.headers) + len(ours)
        return "no replay of ours"
    assert replay.dead_letter_id == letter.id
    return "replay"


def judge_letter(record: Record) -> str:
    """A dead letter or none; it can be shown, exported, masked and put into a folder of its own."""
    letter = read_letter(record)
    if letter is None:
        return "no dead letter of ours"
    assert letter.version is None or letter.version
    register = Register()
    register.add_letters([record])
    found = row(letter, register.standing(letter))
    shown = [one_line(each) for each in (short_id(letter.id, ["t"]), what_went_wrong(found))]
    assert all(each.isprintable() for each in [*shown, age(letter.failed_at, NOW)])
    json.dumps(found)
    exported = Exported(letter.id, record.key, record.value, record.headers)
    assert headers_from_json(headers_to_json(record.headers)) == record.headers
    assert "/" not in folder_name(letter.id)
    assert not folder_name(letter.id).startswith(".")
    masked_row, masked = redact(found, exported)
    hidden = json.dumps([masked_row, row_of(masked.key, masked.value, masked.headers)])
    # What we wrote ourselves stays, so only the record's own parts are looked at.
    assert MARK not in (masked.value or b"").decode(errors="replace"), hidden
    return "dead letter, fields named" if letter.broken_fields else "dead letter"


@st.composite
def _outcomes(draw: st.DrawFn) -> tuple[bytes, bytes | None]:
    written = draw(
        st.sampled_from(
            [
                _FAILED.outcome("applied"),
                _FAILED.outcome("stale"),
                _FAILED.outcome("dead_lettered", dead_letter_id=_FAILED.id),
                _FAILED.state("applied", outcome="applied"),
                _FAILED.state("replaying"),
            ]
        )
    )
    value: bytes | None = draw(broken(as_json(draw(changed(json.loads(written.value or b""))))))
    if one_in(draw, 3):
        # As we write it, so that the quick way of reading it is taken.
        value = json.dumps(draw(changed(json.loads(written.value or b""))), separators=(",", ":")).encode()
    if one_in(draw, 30):
        value = None
    key = draw(broken(written.key or b"")) if one_in(draw, 8) else written.key or b""
    return key, value


def judge_outcome(given: tuple[bytes, bytes | None]) -> str:
    """Taken in or passed over, by the consumer and by the commands."""
    key, value = given
    ledger = Ledger(lambda one, other: one.event.time_us > other.event.time_us)
    reader = OutcomeReader(KafkaSettings(bootstrap_servers="x:1"), "t", ledger, ledger_seconds=1.0)
    reader.foreign = 1  # the first one is told
    reader._take([SimpleNamespace(key=key, value=value, timestamp=0, partition=0, offset=0)])
    register = Register()
    register.add_letters([_FAILED.letter()])
    register.add_outcomes([Record("t", 0, 0, 0, key, value)])
    [letter] = list(register)
    json.dumps(row(letter, register.standing(letter)))
    if value is not None:
        read_outcome(value)
    if reader.foreign > 1:
        return "passed over"
    if value is None:
        return "tombstone"
    return (
        "state"
        if key.startswith(b"dead-letter/")
        else "applied"
        if ledger.to_rewrite() or _has(ledger)
        else "outcome"
    )


def _has(ledger: Ledger) -> bool:
    return ledger.get(_FAILED.session) is not None


_STATE = QuotaState(
    Quota((NOW - 5, NOW - 1), reserved=((1, NOW),), next_slot=2, day=NOW, day_calls=7),
    MintBudget((NOW - 100,), 0.0),
    Closed(AccountState.THROTTLED, "", NOW, NOW + 300),
)
_STATES = tuple(json.loads(each.to_text("a", 1, NOW)) for each in (_STATE, replace(_STATE, closed=None)))
_LIMITS = QuotaLimits()


@st.composite
def _states(draw: st.DrawFn) -> str:
    found = dict(draw(st.sampled_from(_STATES)))
    text = draw(broken(as_json(draw(changed(found)), ascii_only=True)))
    if one_in(draw, 10):
        ends = st.integers(0, 2**45)
        text = json.dumps({**found, "closed": ["throttled", draw(ends), draw(ends)]}).encode()
    elif one_in(draw, 10):
        found["answered"] = [draw(st.integers(0, 2**70)) for _ in range(draw(st.sampled_from([1, 3, 300])))]
        text = json.dumps(found).encode()
    return text.decode(errors="replace")


def judge_state(text: str) -> str:
    """A state or ValueError; taken over it holds no more than its slots, and can be written again."""
    try:
        state, _ = read_state(text)
    except ValueError:
        return "refused"
    over = taken_over(state, _LIMITS, NOW)
    slots = len(over.quota.inherited) + len(over.quota.pending)
    assert slots <= _LIMITS.requests
    assert len(over.to_text("b", 2, NOW)) <= MAX_CHARACTERS
    if over.closed is not None:
        assert over.closed.until <= NOW + 86_400 + 10
        return "closed"
    return "open"


@st.composite
def _members(draw: st.DrawFn) -> bytes:
    good = {"owned": ["a"], "with": {"a.replay": "a"}}
    if one_in(draw, 20):
        return draw(st.sampled_from([b"", b"[" * 100_000, b"9" * 5_000, b"\xff"]))
    return draw(broken(as_json(draw(changed(good)))))


def judge_member(user_data: bytes) -> str:
    """Whatever another member says of itself, every topic has one owner."""
    topics = ["a", "a.replay", "b"]
    cluster: Any = SimpleNamespace(partitions_for_topic=lambda _: {0, 1})
    metadata = {
        "ours": ConsumerProtocolMemberMetadata(
            0, topics, AccountAssignor({"a.replay": "a"}).metadata(topics).user_data
        ),
        "theirs": ConsumerProtocolMemberMetadata(0, topics, user_data),
    }
    found = AccountAssignor({"a.replay": "a"}).assign(cluster, metadata)
    given = [topic for member in found.values() for topic, _ in member.assignment]
    assert len(given) == len(set(given))
    theirs = {topic for topic, _ in found["theirs"].assignment}
    return "keeps its topic" if "a" in theirs else "is given another"


_SCOPE = Scope(
    Selection(
        classes=("forbidden_by_zoho",),
        since="2026-11-20T08:00:00Z",
        session="1/2/3/4",
        status=403,
        retryable=True,
    ),
    {0: 7},
    max_replays=10,
    through=(Origin("t", 0, 1), Origin("t", 0, 9)),
)


@st.composite
def _scopes(draw: st.DrawFn) -> str:
    raw = draw(broken(as_json(draw(changed(json.loads(_SCOPE.to_json()))), ascii_only=True)))
    return raw.decode(errors="replace")


def judge_scope(text: str) -> str:
    """A scope or ValueError; one that is read can be used, and be written again."""
    try:
        scope = Scope.from_json(text)
    except ValueError:
        return "refused"
    record = _FAILED.letter()
    letter = read_letter(record)
    assert letter is not None
    scope.selection.wants(letter, record)
    assert Scope.from_json(scope.to_json()) == scope
    sorted([*(scope.through or ()), letter.origin])
    return "forced" if scope.lost_too or scope.force else "scope"


REPLAYS = Target(
    "replay", _records(_FAILED.replay()), judge_replay, frozenset(("replay", "no replay of ours"))
)
LETTERS = Target(
    "dead letter",
    _records(_FAILED.letter(replayed=1)),
    judge_letter,
    frozenset(("dead letter", "dead letter, fields named", "no dead letter of ours")),
)
OUTCOMES = Target(
    "outcome",
    _outcomes(),
    judge_outcome,
    frozenset(("applied", "outcome", "state", "tombstone", "passed over")),
)
STATES = Target("committed state", _states(), judge_state, frozenset(("refused", "open", "closed")))
MEMBERS = Target("group member", _members(), judge_member, frozenset(("keeps its topic", "is given another")))
SCOPES = Target("scope of a run", _scopes(), judge_scope, frozenset(("scope", "forced", "refused")))

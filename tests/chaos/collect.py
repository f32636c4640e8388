"""The events as records, and after the run the evidence: from the broker's topics and from Zoho's side."""

from datetime import date

from consumer.emulator.sessions import Call
from consumer.records import Record
from tests.chaos.evidence import Diary, Evidence, Letter, SeenCall, SourceRecord
from tests.chaos.group_log import read_group_log
from tests.chaos.oracle import description
from tests.chaos.plan import Plan, PlannedEvent
from tests.chaos.zoho import WatchedZoho
from tests.integration.scene import binary, data, header, session_id
from tests.kafka_broker.traffic import Outgoing, Topics, read_all

# The batch of every event lasts this long: one whose date lies outside is refused by Zoho, with 400.
BATCH_DATES = {"478346000019479115": (date(2026, 12, 1), date(2026, 12, 31))}
_OFF_DATES = {"startsAt": "2027-02-01T10:00:00+05:30", "endsAt": "2027-02-01T11:00:00+05:30"}


def record_of(event: PlannedEvent) -> Outgoing:
    """The event as it is published; its id and its session's new name are the same."""
    dates = _OFF_DATES if event.kind == "off dates" else {}
    value = data(event.session, event.id, description=description(event), **dates)
    made = binary(b"{" if event.kind == "unreadable" else value, event.id, session_id(event.session).encode())
    return Outgoing(made.value, made.key, made.headers, partition=event.partition)


async def evidence(plan: Plan, diary: Diary, zoho: WatchedZoho, bootstrap: str, topics: Topics) -> Evidence:
    """Everything that a run left behind; nothing of it changes any more."""
    records = await read_all(bootstrap, topics.source)
    letters = await read_all(bootstrap, topics.dead_letters)
    return Evidence(
        plan=plan,
        topic=topics.source,
        started_at=diary.started_at,
        records=tuple(SourceRecord(r.partition, r.offset, header(r, "ce_id") or "") for r in records),
        calls=tuple(_seen(replica, event, call) for replica, event, call in zoho.seen),
        letters=tuple(_letter(letter) for letter in letters),
        group=await read_group_log(bootstrap, topics.group),
        troubles=tuple(diary.troubles),
        states=_states(plan, zoho),
        failures=tuple(diary.failures),
        lag_seconds=diary.lag_seconds,
    )


def _seen(replica: int, event: str | None, call: Call) -> SeenCall:
    final = call.verdict in ("applied", "not_found", "batch_date_and_session_date_mismatch")
    return SeenCall(
        at=call.arrived_at,
        replica=replica,
        event=event,
        verdict=call.verdict if call.fault is None else call.fault,
        settled=final and call.fault is None and call.answered_at is not None,
        written_at=call.effect_at,
        answered_at=call.answered_at,
    )


def _letter(letter: Record) -> Letter:
    return Letter(
        header(letter, "dlq.id") or "", header(letter, "dlq.event.id") or "", letter.timestamp_ms / 1000
    )


def _states(plan: Plan, zoho: WatchedZoho) -> dict[int, tuple[str, str | None]]:
    states = {}
    for number in {event.session for event in plan.events}:
        session = zoho.session(session_id(number))
        if session is not None and session.writes:
            states[number] = session.fields["name"], session.fields.get("description")
    return states

"""One account on stage: the real worker and settler between a fake Zoho and a fake dead-letter topic."""

import asyncio
import copy
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from consumer.clock import Clock
from consumer.delivery.account import Account, AccountRules
from consumer.delivery.dead_letter import Letterhead
from consumer.delivery.decision import RetryRules
from consumer.delivery.gate import AccountState, GateRules
from consumer.delivery.pauses import probe_pauses
from consumer.delivery.ports import Silent
from consumer.delivery.quota import QuotaLimits
from consumer.delivery.session_ledger import SessionLedger
from consumer.delivery.settler import Settler
from consumer.delivery.worker import Worker
from consumer.events.examples import valid_examples
from consumer.events.model import EventRules, SessionKey
from consumer.events.zones import load_zone
from consumer.records import Record, TopicPartition
from tests.fakes.dead_letter_topic import FakeDeadLetterTopic
from tests.fakes.outcomes_topic import FakeOutcomesTopic, ReadHistory
from tests.fakes.simulated_time import clock
from tests.fakes.zoho import FakeZoho, Script, applies

TOPIC = "training.session.changed"
REPLAY_TOPIC = f"{TOPIC}.replay"
PARTITION = TopicPartition(TOPIC, 0)
REPLAYS = TopicPartition(REPLAY_TOPIC, 0)
LOCK_SECONDS = 300.0
OPTIONAL_FIELDS = ("description", "roomId", "lockedUntil", "gradeCategoryId")


def session(number: int) -> SessionKey:
    """A session; they alternate between two courses."""
    return SessionKey(str(1000 + number % 2), "2", "3", str(number))


def change_record(offset: int, number: int, name: str = "changed", without: int = 0) -> Record:
    """A good event for session `number`, as a record, `without` so many of its optional fields."""
    event: dict[str, Any] = copy.deepcopy(valid_examples()["full"])
    event["id"] = f"e-{offset}"
    key = session(number)
    event["data"].update(
        courseId=key.course_id, batchId=key.batch_id, moduleId=key.module_id, sessionId=key.session_id
    )
    event["data"]["session"]["name"] = name
    for field_name in OPTIONAL_FIELDS[:without]:
        del event["data"]["session"][field_name]
    headers = (("content-type", b"application/cloudevents+json"),)
    return Record(TOPIC, 0, offset, 0, key.session_id.encode(), json.dumps(event).encode(), headers)


def bad_record(offset: int) -> Record:
    """A record that can't be read."""
    return Record(TOPIC, 0, offset, 0, None, b"not JSON", ())


def rules(
    *,
    requests: int = 30,
    concurrency: int = 8,
    attempts: int = 5,
    refusals_before_hold: int = 20,
    daily_requests: int = 0,
) -> AccountRules:
    """An account's settings, with the real quota's times."""
    return AccountRules(
        name="default",
        source_topic=TOPIC,
        replay_topic=REPLAY_TOPIC,
        events=EventRules(zone=load_zone("Asia/Kolkata")),
        quota=QuotaLimits(requests),
        gate=GateRules(LOCK_SECONDS, refusals_before_hold),
        retry=RetryRules(attempts, LOCK_SECONDS, probe_pauses(LOCK_SECONDS)),
        concurrency=concurrency,
        daily_requests=daily_requests,
    )


def bare_account(of_clock: Clock, with_rules: AccountRules | None = None) -> Account:
    """An account between fakes."""
    return Account(
        with_rules or rules(),
        FakeZoho(of_clock),
        FakeDeadLetterTopic(),
        FakeOutcomesTopic(),
        ReadHistory(),
        SessionLedger(of_clock),
        Silent(),
        of_clock,
    )


@dataclass
class Stage:
    """What a scene looks at. `states`: every state the account went through, with when."""

    account: Account
    zoho: FakeZoho
    topic: FakeDeadLetterTopic
    outcomes: FakeOutcomesTopic
    settler: Settler
    worker: Worker
    owns: bool = True
    states: list[AccountState] = field(default_factory=list)

    @property
    def position(self) -> int:
        """What may be committed."""
        return self.settler.offsets[PARTITION].position

    async def until_done(self, within_seconds: float = 86_400.0) -> bool:
        """Wait until every record is finished: True if they are, in time."""
        deadline = clock() + within_seconds
        while self.settler.held_records and clock() < deadline:  # noqa: ASYNC110  (time is simulated)
            await asyncio.sleep(0.5)
        return not self.settler.held_records


def record_soon(account: Account, commit_seconds: float) -> None:
    """As the journal does: a commit records the reservations there are, and wakes the worker."""
    below = account.quota.next_slot

    def record() -> None:
        account.quota = account.quota.recorded(below)
        account.on_wake()

    asyncio.get_running_loop().call_later(commit_seconds, record)


@asynccontextmanager
async def on_stage(
    script: Script = applies,
    *,
    with_rules: AccountRules | None = None,
    topic: FakeDeadLetterTopic | None = None,
    outcomes: FakeOutcomesTopic | None = None,
    call_seconds: float = 0.2,
    commit_seconds: float = 0.005,
    seed: int = 0,
) -> AsyncIterator[Stage]:
    """The account runs while the block does; to be used within `simulate`."""
    zoho = FakeZoho(clock, script, call_seconds)
    topic = topic or FakeDeadLetterTopic()
    outcomes = outcomes or FakeOutcomesTopic()
    ledger = SessionLedger(clock)
    account = Account(
        with_rules or rules(), zoho, topic, outcomes, ReadHistory(), ledger, Silent(), clock, owned=True
    )
    settler = Settler(
        positions={PARTITION: 0, REPLAYS: 0},
        already_done={},
        letters=topic,
        outcomes=outcomes,
        ledger=ledger,
        replay_topic=REPLAY_TOPIC,
        letterhead=Letterhead("default", "session-consumer", "1.2.3"),
        telemetry=Silent(),
        tell_done=account.tell_done,
        troubles=account.troubles,
        owns=lambda: True,
        wall_clock=clock,
        on_progress=lambda: None,
    )
    worker = Worker(
        account,
        settler,
        ends={},
        owns=lambda: stage.owns,
        on_progress=lambda: record_soon(account, commit_seconds),
        clock=clock,
        wall_clock=clock,
        chance=random.Random(seed).random,
    )
    stage = Stage(account, zoho, topic, outcomes, settler, worker)
    wake = account.on_wake

    def note_state() -> None:
        if not stage.states or stage.states[-1] is not account.gate.state:
            stage.states.append(account.gate.state)
        wake()

    account.on_wake = note_state
    tasks = [asyncio.create_task(worker.run()), asyncio.create_task(settler.run())]
    try:
        yield stage
    finally:
        worker.stop()
        await asyncio.wait(tasks[:1])
        await settler.all_written(1.0)
        tasks[1].cancel()
        await asyncio.wait(tasks)
        if not tasks[0].cancelled():
            tasks[0].result()

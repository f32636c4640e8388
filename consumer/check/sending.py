"""One real call as the account's owner: by the very parts that serve it, with no record read or settled.

The group is joined, the account taken over with its quota's state, and one change put into its backlog.
The worker does the rest as ever: waits where the state says so, has a slot reserved by a fenced commit,
calls, and the last commit records the answer. No outcome is written: there is no record that it would
be of, and the ledger says what was applied of the stream.
"""

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from consumer import __version__
from consumer.app import CLOSING_SECONDS
from consumer.check.one_call import Nowhere, OneCall, OwnCall
from consumer.check.zoho_rows import TokenAnswers
from consumer.clock import rfc3339, steady_clock
from consumer.delivery.account import Account
from consumer.delivery.ports import Silent
from consumer.delivery.session_ledger import SessionLedger
from consumer.delivery.verdicts import CallReport
from consumer.events.binary import Message
from consumer.events.model import Event
from consumer.kafka.clients import consumer_factory, reservation_life
from consumer.kafka.connection import KafkaRefusedError
from consumer.kafka.journal import Journal
from consumer.kafka.member import Member
from consumer.kafka.positions import parted
from consumer.records import Record
from consumer.rules import account_rules, credential, zoho_rules
from consumer.settings import AccountSettings, Settings
from consumer.zoho.client import open_zoho

# From joining the group to the call's answer. A slot may have to be waited for, and calls of an owner
# that crashed to be over.
SECONDS = 60.0
_LOOK_SECONDS = 0.2
_SOON_SECONDS = 0.5

_NOTHING_SENT = "Interrupted: nothing was sent, the group is left …"
_UNDER_WAY = (
    "Interrupted: the call was made, its answer is waited for (interrupt again to leave without it) …"
)


@dataclass(frozen=True, slots=True)
class Sent:
    """The call's verdict, and what the accounts host said on the way."""

    report: CallReport
    answers: TokenAnswers


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The call was made, and nobody waited for its answer."""


@dataclass(frozen=True, slots=True)
class NotSent:
    """Why there was no call, and what to do. `owned`: another member has the account."""

    reason: str
    owned: bool = False
    todo: str = "Try again then."


class Operator:
    """Whoever asked for the call: is told what is waited for, and may want it to end.

    `wants_end`: nothing new is begun. `insists`: nor is an answer waited for.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.tell = tell
        self.wants_end, self.insists = asyncio.Event(), asyncio.Event()

    def interrupt(self) -> None:
        """Once, and once more."""
        (self.insists if self.wants_end.is_set() else self.wants_end).set()


async def send(
    settings: Settings,
    account: AccountSettings,
    event: Event,
    message: Message,
    operator: Operator,
) -> Sent | Unanswered | NotSent:
    """Make the call. Raises KafkaRefusedError; what else is wrong with Kafka comes as NotSent, in time.

    However it is interrupted, the group is left with a last commit.
    """
    async with AsyncExitStack() as stack:
        answers = TokenAnswers()
        clock = steady_clock()
        zoho = await stack.enter_async_context(
            open_zoho(zoho_rules(account), credential(account), clock, on_token_answer=answers.take)
        )
        port = OneCall(zoho)
        life = reservation_life(settings.kafka.session_timeout_seconds, settings.shutdown_seconds)
        nowhere = Nowhere()
        served = Account(
            rules=account_rules(account, life),
            zoho=port,
            letters=nowhere,
            outcomes=nowhere,
            history=nowhere,
            ledger=SessionLedger(time.time),
            telemetry=Silent(),
            clock=clock,
            clock_behind=lambda: time.time() - clock(),
        )
        record = Record(
            account.source_topic, 0, 0, int(time.time() * 1000), message.key, message.value, message.headers
        )
        journal = Journal(report=lambda _: None)
        accounts = OwnCall(
            [served],
            group=settings.kafka.group_id,
            version=__version__,
            clock=clock,
            wall_clock=time.time,
            chance=random.random,
            on_progress=journal.moved,
        )
        accounts.have(event, record, port)
        journal.keep(accounts)
        found = await _as_member(settings, account, accounts, journal, operator)
    return Sent(found, answers) if isinstance(found, CallReport) else found


async def _as_member(
    settings: Settings,
    account: AccountSettings,
    accounts: OwnCall,
    journal: Journal,
    operator: Operator,
) -> CallReport | Unanswered | NotSent:
    """Join, wait for the call, leave with a last commit."""
    refused: KafkaRefusedError | None = None
    found: NotSent | None = None
    try:
        async with asyncio.TaskGroup() as tasks:
            member = Member(
                accounts,
                journal,
                make_consumer=consumer_factory(
                    settings.kafka,
                    {account.replay_topic: account.source_topic},
                    rebalance_seconds=settings.shutdown_seconds,
                ),
                on_rebuild=lambda: None,
                start_from=lambda topic: account.start_from if topic == account.source_topic else "earliest",
                group=settings.kafka.group_id,
                drain_seconds=settings.shutdown_seconds - CLOSING_SECONDS,
                coordinator_seconds=2 * settings.kafka.session_timeout_seconds,
                tasks=tasks,
            )
            keeping = tasks.create_task(journal.run(), name="journal")
            running = tasks.create_task(member.run(), name="member")
            try:
                found = await _call_made(accounts, member, running, operator)
            finally:
                member.stop()
                await _left(accounts, running, operator)
                keeping.cancel()
    except* KafkaRefusedError as group:
        refused = _first(group)
    # One that was under way when patience ended has ended since.
    if accounts.port.report is not None:
        return accounts.port.report
    if accounts.port.begun:
        return Unanswered()
    if refused is not None:
        raise refused
    return found or NotSent("the group could not be joined")


async def _left(accounts: OwnCall, running: "asyncio.Task[None]", operator: Operator) -> None:
    """Wait until the call is answered and the group left; who insists gets the latter alone."""
    insists = asyncio.ensure_future(operator.insists.wait())
    await asyncio.wait([running, insists], return_when=asyncio.FIRST_COMPLETED)
    if insists.done():
        accounts.give_up()
    insists.cancel()
    await asyncio.wait([running])


async def _call_made(
    accounts: OwnCall,
    member: Member,
    running: "asyncio.Task[None]",
    operator: Operator,
) -> NotSent | None:
    """Wait for the call, within bounds; why there is none. What lasts longer is not waited for at all."""
    account = accounts.accounts[0]
    give_up_at = account.clock() + SECONDS
    told = ""
    while not running.done() and not accounts.ended:
        if operator.wants_end.is_set():
            operator.tell(_UNDER_WAY if accounts.port.begun else _NOTHING_SENT)
            return NotSent("interrupted before the call")
        if accounts.lost:
            what, todo = parted(accounts.lost)
            return NotSent(what, todo=todo)
        if member.joined and not account.owned:
            return NotSent("another member of the group has taken the account over just now", owned=True)
        now, until = account.clock(), _waits_until(account)
        reason = account.reason if member.joined or account.troubles else "the group is joined"
        why = f"{reason or 'a slot is waited for'}, until {rfc3339(account.wall(until))}"
        if now >= give_up_at:
            return NotSent(f"no call was possible in {SECONDS:g} s: {reason or 'no slot was to be had'}")
        if member.joined and until > give_up_at:
            return NotSent(f"no call is possible now: {why}")
        waits = member.joined and until > now + _SOON_SECONDS
        news = why if waits else reason if account.troubles else None
        if news is not None and news != told:
            operator.tell(f"Waiting: {news} …")
            told = news
        await asyncio.wait([running], timeout=_LOOK_SECONDS)
    return None


def _waits_until(account: Account) -> float:
    """When a call may start, by the account's clock, as far as that is known; in the past: now."""
    now = account.clock()
    closed = account.gate.closed
    slot_at = account.quota.next_free_at(account.limits(now), now) or now
    return max(account.quiet_until, slot_at, now if closed is None else closed.until)


def _first(group: BaseExceptionGroup[KafkaRefusedError]) -> KafkaRefusedError:
    found = group.exceptions[0]
    return found if isinstance(found, KafkaRefusedError) else _first(found)

"""Composition root: builds everything from the settings, runs it, and closes it again."""

import asyncio
import random
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import structlog

from consumer import __version__
from consumer.clock import steady_clock
from consumer.delivery.account import Account, AccountRules
from consumer.delivery.accounts import Accounts
from consumer.delivery.decision import RetryRules
from consumer.delivery.gate import GateRules
from consumer.delivery.pauses import probe_pauses
from consumer.delivery.quota import QuotaLimits
from consumer.delivery.troubles import Trouble
from consumer.events.model import EventRules
from consumer.events.zones import load_zone
from consumer.http import HttpServer, Probes
from consumer.kafka.clients import connect_producer, consumer_factory
from consumer.kafka.connection import KafkaRefusedError, KafkaUnreachableError, check_connection
from consumer.kafka.dead_letters import DeadLetterTopic
from consumer.kafka.journal import Journal
from consumer.kafka.member import Member
from consumer.kafka.topic_plan import NEEDED
from consumer.kafka.topics import TopicRefusedError, create_topics, describe_topics
from consumer.settings import AccountSettings, Settings, SettingsError, read_refusals_before_hold
from consumer.telemetry import AccountMetrics, Metrics
from consumer.zoho.client import ZohoRules, open_zoho
from consumer.zoho.oauth import Credential

# Kafka has so long to answer at the start (contract, section 8).
START_SECONDS = 60.0
# Of the shutdown time, what is kept for the last commit, for leaving the group and for the producer.
CLOSING_SECONDS = 4.0
PRODUCER_CLOSE_SECONDS = 1.0
SETTING_POLL_SECONDS = 1.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Served:
    """An account with what tells of it."""

    account: Account
    metrics: AccountMetrics


class App:
    """One process: its accounts, its group membership, its HTTP port.

    `check_topics` false: the topics are taken for granted (the demo's broker can't describe them).
    """

    def __init__(self, settings: Settings, environ: Mapping[str, str], *, check_topics: bool = True) -> None:
        self._settings = settings
        self._environ = environ
        self._check_topics = check_topics
        self._metrics = Metrics(__version__)
        self._clock = steady_clock()
        self._served: list[_Served] = []
        self._member: Member | None = None
        self._journal = Journal(report=self._commit_trouble)
        self._stopping = asyncio.Event()
        self.http_port = 0

    def stop(self) -> None:
        """Drain and return from `run`: calls in flight end, outcomes and offsets are written (law 9)."""
        if not self._stopping.is_set():
            log.info("stopping")
        self._stopping.set()
        if self._member is not None:
            self._member.stop()

    def status(self) -> dict[str, Any]:
        """What `/status` says."""
        accounts = {served.account.rules.name: served.account.status() for served in self._served}
        return {"version": __version__, "accounts": accounts}

    async def run(self) -> None:
        """Run until `stop`.

        Raises KafkaUnreachableError (60 s at the start), KafkaRefusedError, TopicRefusedError (a topic
        is missing) and SettingsError (the HTTP port is taken).
        """
        async with AsyncExitStack() as stack:
            probes = Probes(ready=self._is_ready, status=self.status, metrics=self.render_metrics)
            server = HttpServer(probes, self._settings.http_host, self._settings.http_port)
            stack.push_async_callback(server.close)
            try:
                self.http_port = await server.start()
            except OSError as exc:
                where = f"{self._settings.http_host}:{self._settings.http_port}"
                problem = (
                    f"CONSUMER_HTTP_PORT: {where} can't be listened on ({exc.strerror}); choose another."
                )
                raise SettingsError((problem,)) from exc
            starting = asyncio.ensure_future(self._connect(stack))
            stopping = asyncio.ensure_future(self._stopping.wait())
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if not starting.done():
                starting.cancel()
                await asyncio.wait({starting})
                return
            accounts = await starting
            await self._serve(accounts)
        log.info("stopped")

    # Start.

    async def _connect(self, stack: AsyncExitStack) -> Accounts:
        await self._reach_kafka()
        if self._check_topics:
            await self._require_topics()
        producer = await connect_producer(self._settings.kafka)
        stack.push_async_callback(_close_within, producer.stop)
        letterboxes = {}
        topics = {}
        for settings in self._settings.accounts:
            metrics = self._metrics.account(settings.name)
            zoho = await stack.enter_async_context(
                open_zoho(_zoho_rules(settings), _credential(settings), self._clock, on_mint=metrics.minted)
            )
            account = Account(rules=_account_rules(settings), zoho=zoho, telemetry=metrics, clock=self._clock)
            self._served.append(_Served(account, metrics))
            topics[settings.source_topic] = account
            letterboxes[settings.name] = DeadLetterTopic(producer, settings.dead_letter_topic)
        accounts = Accounts(
            topics,
            letterboxes,
            group=self._settings.kafka.group_id,
            version=__version__,
            clock=self._clock,
            wall_clock=time.time,
            chance=random.random,
            on_progress=self._journal.positions_moved,
        )
        self._journal.keep(accounts.positions)
        return accounts

    async def _reach_kafka(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + START_SECONDS
        while True:
            try:
                await check_connection(self._settings.kafka, min(10.0, max(1.0, deadline - loop.time())))
            except KafkaUnreachableError as exc:
                if loop.time() >= deadline:
                    raise
                log.warning("kafka not reached yet", reason=str(exc))
                await asyncio.sleep(1.0)
            else:
                return

    async def _require_topics(self) -> None:
        for account in self._settings.accounts:
            statuses = await describe_topics(self._settings.kafka, account, needed=NEEDED)
            absent = [status.name for status in statuses if status.topic is None and status.role in NEEDED]
            if absent and self._settings.create_topics:
                made = await create_topics(self._settings.kafka, account)
                log.info("topics created", topics=list(made.created))
                statuses = made.statuses
            elif absent:
                raise TopicRefusedError(
                    f"Missing topics: {', '.join(absent)}. Create them with `session-consumer topics "
                    "create`, or set CONSUMER_CREATE_TOPICS=true."
                )
            for status in statuses:
                for problem in status.problems:
                    log.warning("topic differs", problem=problem)

    # Run.

    async def _serve(self, accounts: Accounts) -> None:
        refused: KafkaRefusedError | None = None
        try:
            async with asyncio.TaskGroup() as tasks:
                self._member = member = self._join(accounts, tasks)
                if self._stopping.is_set():
                    return
                side = [
                    tasks.create_task(self._journal.run(), name="journal"),
                    tasks.create_task(self._watch_settings(), name="settings"),
                ]
                log.info("serving", accounts=len(self._served), http_port=self.http_port)
                await member.run()
                for task in side:
                    task.cancel()
        except* KafkaRefusedError as group:
            refused = _first(group)
        if refused is not None:
            raise refused

    def _join(self, accounts: Accounts, tasks: asyncio.TaskGroup) -> Member:
        settings = self._settings
        start_from = {account.source_topic: account.start_from for account in settings.accounts}
        member = Member(
            accounts,
            self._journal,
            make_consumer=consumer_factory(settings.kafka, rebalance_seconds=settings.shutdown_seconds),
            start_from=start_from.__getitem__,
            group=settings.kafka.group_id,
            drain_seconds=settings.shutdown_seconds - CLOSING_SECONDS,
            tasks=tasks,
        )
        for served, account in zip(self._served, settings.accounts, strict=True):
            served.account.lag = partial(_lag, member, account.source_topic)
        return member

    def _commit_trouble(self, reason: str | None) -> None:
        for served in self._served:
            if reason is None:
                served.account.troubles.clear(Trouble.COMMIT)
            else:
                served.account.troubles.report(Trouble.COMMIT, reason)

    async def _watch_settings(self) -> None:
        """The one setting that is read at run time: it ends a `suspect` hold when it changes."""
        while self._settings.secrets_dir is not None:
            await asyncio.sleep(SETTING_POLL_SECONDS)
            hold = read_refusals_before_hold(self._environ, self._settings.secrets_dir)
            for account in (served.account for served in self._served):
                if hold is not None and hold != account.rules.gate.refusals_before_hold:
                    gate = replace(account.rules.gate, refusals_before_hold=hold)
                    account.rules = replace(account.rules, gate=gate)
                    account.gate = account.gate.hold_lifted()
                    log.info("setting changed", setting="CONSUMER_REFUSALS_BEFORE_HOLD", value=hold)
                    account.changed()

    # What is told.

    def _is_ready(self) -> bool:
        return self._member is not None and self._member.joined and not self._stopping.is_set()

    def render_metrics(self) -> bytes:
        """What `/metrics` says, with the gauges as they are now."""
        now = self._clock()
        for served in self._served:
            account, metrics = served.account, served.metrics
            oldest = account.backlog.oldest_event_at()
            metrics.set_state(str(account.state))
            metrics.set_quota(
                free_slots=account.quota.free(account.rules.quota, now), left_today=account.left_today
            )
            metrics.set_backlog(
                events=account.backlog.events,
                sessions=account.backlog.sessions,
                oldest_event_age_seconds=0.0 if oldest is None else max(0.0, time.time() - oldest),
                drain_eta_seconds=account.eta_seconds(now),
            )
            metrics.set_lag(account.lag())
        return self._metrics.render()


def _lag(member: Member, topic: str) -> dict[str, int]:
    return {topic: member.lag(topic)}


def _account_rules(settings: AccountSettings) -> AccountRules:
    lock_seconds = settings.quota_lock_seconds
    return AccountRules(
        name=settings.name,
        events=EventRules(
            zone=load_zone(settings.zoho_time_zone),
            input_style=settings.zoho_input,
            base_path=urlsplit(settings.zoho_people_url).path,
            max_event_bytes=settings.max_event_bytes,
            max_clock_skew_seconds=settings.max_clock_skew_seconds,
            skip_other_types=settings.other_event_types == "skip",
        ),
        quota=QuotaLimits(
            requests=settings.quota_requests,
            window_seconds=settings.quota_window_seconds,
            abort_margin_seconds=settings.quota_abort_margin_seconds,
        ),
        gate=GateRules(lock_seconds, settings.refusals_before_hold),
        retry=RetryRules(
            attempts=settings.attempts,
            lock_seconds=lock_seconds,
            pauses=probe_pauses(lock_seconds),
            hold_on_echo=settings.zoho_verify_echo == "hold",
        ),
        concurrency=settings.concurrency,
        backlog_events=settings.backlog_events,
        backlog_bytes=settings.backlog_bytes,
        daily_requests=settings.quota_daily_requests,
        daily_reserve=settings.quota_daily_reserve,
        warn_on_echo=settings.zoho_verify_echo != "off",
    )


def _zoho_rules(settings: AccountSettings) -> ZohoRules:
    return ZohoRules(
        people_url=settings.zoho_people_url,
        accounts_url=settings.zoho_accounts_url,
        input_style=settings.zoho_input,
        timeout_seconds=settings.zoho_timeout_seconds,
        concurrency=settings.concurrency,
    )


def _credential(settings: AccountSettings) -> Credential:
    return Credential(
        settings.zoho_client_id,
        settings.zoho_client_secret.get_secret_value(),
        settings.zoho_refresh_token.get_secret_value(),
    )


async def _close_within(close: Any) -> None:
    """Close a Kafka client within a bound: it may hang or raise where the broker is away."""
    closing = asyncio.ensure_future(close())
    done, _ = await asyncio.wait([closing], timeout=PRODUCER_CLOSE_SECONDS)
    if not done:
        closing.cancel()
        await asyncio.wait([closing], timeout=PRODUCER_CLOSE_SECONDS / 4)


def _first(group: BaseExceptionGroup[KafkaRefusedError]) -> KafkaRefusedError:
    found = group.exceptions[0]
    return found if isinstance(found, KafkaRefusedError) else _first(found)

"""Composition root: builds everything from the settings, runs it, and closes it again."""

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import structlog

from consumer import __version__
from consumer.clock import steady_clock
from consumer.delivery.account import Account
from consumer.delivery.account_status import status_of
from consumer.delivery.accounts import Accounts
from consumer.delivery.session_ledger import SessionLedger
from consumer.delivery.troubles import Trouble
from consumer.http import HttpServer, Probes
from consumer.kafka.clients import consumer_factory, reservation_life
from consumer.kafka.connection import KafkaRefusedError, check_connection
from consumer.kafka.dead_letters import DeadLetterTopic
from consumer.kafka.journal import Journal
from consumer.kafka.member import Member
from consumer.kafka.outcome_reader import OutcomeReader
from consumer.kafka.outcomes import OutcomeTopic
from consumer.kafka.producer import SharedProducer
from consumer.kafka.startup import START_SECONDS, patiently, require_topics
from consumer.rules import account_rules, credential, zoho_rules
from consumer.served import Served
from consumer.settings import Settings, SettingsError, SettingsWatch, process_differences
from consumer.telemetry import Metrics, Traces, TracesError, open_traces, write_event_line
from consumer.zoho.client import open_zoho

# Of the shutdown time, what is kept for the last commit, for leaving the group and for the producer.
CLOSING_SECONDS = 4.0
TRACES_SECONDS = 1.0
SETTINGS_POLL_SECONDS = 0.5

log = structlog.get_logger(__name__)


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
        self._producer = SharedProducer(settings.kafka)
        self._served: list[Served] = []
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
        accounts = {served.account.rules.name: status_of(served.account) for served in self._served}
        return {"version": __version__, "accounts": accounts}

    async def run(self) -> None:
        """Run until `stop`.

        Raises KafkaUnreachableError (60 s at the start), KafkaRefusedError, TopicRefusedError (a topic
        is missing) and SettingsError (the HTTP port is taken).
        """
        async with AsyncExitStack() as stack:
            await self._open_accounts(stack, self._open_traces(stack))
            probes = Probes(ready=self._is_ready, status=self.status, metrics=self.render_metrics)
            server = HttpServer(probes, self._settings.http_host, self._settings.http_port)
            stack.push_async_callback(server.close)
            try:
                self.http_port = await server.start()
            except OSError as exc:
                where = f"{self._settings.http_host}:{self._settings.http_port}"
                problem = (
                    f"CONSUMER_HTTP_HOST, CONSUMER_HTTP_PORT: {where} can't be listened on ({exc.strerror}); "
                    "choose another."
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

    def _open_traces(self, stack: AsyncExitStack) -> Traces:
        settings = self._settings
        urls = {account.name: account.zoho_people_url for account in settings.accounts}
        try:
            traces = open_traces(settings.traces, group=settings.kafka.group_id, people_urls=urls)
        except TracesError as exc:
            raise SettingsError((str(exc),)) from exc
        stack.push_async_callback(traces.close, TRACES_SECONDS)
        return traces

    async def _open_accounts(self, stack: AsyncExitStack, traces: Traces) -> None:
        reservation_seconds = reservation_life(
            self._settings.kafka.session_timeout_seconds, self._settings.shutdown_seconds
        )
        for settings in self._settings.accounts:
            metrics = self._metrics.account(settings.name)
            zoho = await stack.enter_async_context(
                open_zoho(zoho_rules(settings), credential(settings), self._clock, on_mint=metrics.minted)
            )
            ledger = SessionLedger(time.time)
            history = OutcomeReader(
                self._settings.kafka,
                settings.outcomes_topic,
                ledger.packed,
                ledger_seconds=settings.ledger_days * 86_400.0,
            )
            account = Account(
                rules=account_rules(settings, reservation_seconds),
                zoho=zoho,
                letters=DeadLetterTopic(self._producer, settings.dead_letter_topic),
                outcomes=OutcomeTopic(self._producer, settings.outcomes_topic),
                history=history,
                ledger=ledger,
                telemetry=metrics,
                tell_done=lambda done: write_event_line(done, traces.record(done)),
                clock=self._clock,
                clock_behind=lambda: time.time() - self._clock(),
            )
            history.report = partial(account.troubles.tell, Trouble.HISTORY)
            account.troubles.report(Trouble.BROKER, "Kafka has not answered yet since the start")
            self._served.append(Served(settings, account, zoho, metrics, history))

    async def _connect(self, stack: AsyncExitStack) -> Accounts:
        kafka = self._settings.kafka
        deadline = asyncio.get_running_loop().time() + START_SECONDS
        await patiently(partial(check_connection, kafka, 10.0), deadline)
        if self._check_topics:
            create = self._settings.create_topics
            await patiently(partial(require_topics, kafka, self._settings.accounts, create=create), deadline)
        stack.push_async_callback(self._producer.close)
        await patiently(self._producer.start, deadline)
        accounts = Accounts(
            [served.account for served in self._served],
            group=kafka.group_id,
            version=__version__,
            clock=self._clock,
            wall_clock=time.time,
            chance=random.random,
            on_progress=self._journal.moved,
        )
        self._journal.keep(accounts)
        return accounts

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
                    *(
                        tasks.create_task(served.history.run(), name=f"outcomes of {served.settings.name}")
                        for served in self._served
                    ),
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
        lanes = {account.replay_topic: account.source_topic for account in settings.accounts}
        member = Member(
            accounts,
            self._journal,
            make_consumer=consumer_factory(
                settings.kafka, lanes, rebalance_seconds=settings.shutdown_seconds
            ),
            on_rebuild=self._producer.renew,
            # Nobody's choice for replays: each was asked for.
            start_from=lambda topic: start_from.get(topic, "earliest"),
            group=settings.kafka.group_id,
            drain_seconds=settings.shutdown_seconds - CLOSING_SECONDS,
            coordinator_seconds=2 * settings.kafka.session_timeout_seconds,
            tasks=tasks,
        )
        for served in self._served:
            topics = (served.settings.source_topic, served.settings.replay_topic)
            served.account.lag = partial(_lag, member, topics)
        return member

    def _commit_trouble(self, reason: str | None) -> None:
        for served in self._served:
            if reason is None:
                served.account.troubles.clear(Trouble.COMMIT)
            else:
                served.account.troubles.report(Trouble.COMMIT, reason)

    async def _watch_settings(self) -> None:
        """Take over what may change while the process runs from files that have changed."""
        watch = SettingsWatch(self._settings, self._environ)
        while True:
            await asyncio.sleep(SETTINGS_POLL_SECONDS)
            changed = watch.changed()
            if changed is None:
                continue
            if changed.problems:
                log.warning("changed settings can't be used", problems=list(changed.problems))
            settings = {account.name: account for account in changed.settings.accounts}
            for served in self._served:
                if served.settings.name in settings:
                    served.change(settings[served.settings.name])
            if left := list(process_differences(self._settings, changed.settings)):
                log.warning("settings changed that take effect at the next start", settings=left)
            others = set(settings) ^ {served.settings.name for served in self._served}
            if others:
                log.warning(
                    "accounts added or removed take effect at the next start", accounts=sorted(others)
                )

    # What is told.

    def _is_ready(self) -> bool:
        return self._member is not None and self._member.joined and not self._stopping.is_set()

    def render_metrics(self) -> bytes:
        """What `/metrics` says, with the gauges as they are now."""
        now = self._clock()
        for served in self._served:
            served.show(now)
        return self._metrics.render()


def _lag(member: Member, topics: Sequence[str]) -> dict[str, int]:
    return {topic: member.lag(topic) for topic in topics}


def _first(group: BaseExceptionGroup[KafkaRefusedError]) -> KafkaRefusedError:
    found = group.exceptions[0]
    return found if isinstance(found, KafkaRefusedError) else _first(found)

"""Carries a plan out on a real Kafka, an emulated Zoho and the real processes, and brings the evidence."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from aiokafka.errors import KafkaError

from consumer.emulator.options import Catalogue, EmulatorOptions, Limits
from tests.chaos import collect
from tests.chaos.acts import Act, acts
from tests.chaos.evidence import Diary, Evidence, Trouble
from tests.chaos.plan import PARTITIONS, SESSION_TIMEOUT_SECONDS, Disruption, Plan
from tests.chaos.proxy import Proxy
from tests.chaos.replica import Replica, lateness
from tests.chaos.zoho import WatchedZoho
from tests.integration.scene import session_id, until
from tests.kafka_broker.broker import Broker
from tests.kafka_broker.traffic import Topics, committed, create_topics, publish, unique_topics
from tests.kafka_broker.under_test import KafkaUnderTest
from tests.process import settings_for

_SETTLE_SECONDS = 60.0
_STOP_SECONDS = 20.0
# Over as soon as it is done; how a replica's end goes on, the replica notes itself.
_AT_ONCE = ("kill", "stop", "fault", "tokens die")
_VIOLENT = ("freeze", "cut", "reset", "broker kill", "broker freeze")
_LOOK_SECONDS = 0.2  # each look is a connection of its own


async def carry_out(plan: Plan, directory: Path) -> Evidence:
    """The whole run; `directory` takes the broker and the logs. Raises BrokerUnavailableError without one."""
    async with _stage(plan, directory) as stage:
        await stage.play()
        return await stage.evidence()


@asynccontextmanager
async def _stage(plan: Plan, directory: Path) -> AsyncIterator["_Stage"]:
    async with AsyncExitStack() as stack:
        proxies = [Proxy() for _ in range(plan.replicas)]
        for proxy in proxies:
            await proxy.start()
            stack.push_async_callback(proxy.close)
        names = [f"REPLICA{number}" for number in range(plan.replicas)]
        broker = await asyncio.to_thread(
            Broker,
            directory / "broker",
            None,
            dict.fromkeys(names, "PLAINTEXT"),
            {name: proxy.port for name, proxy in zip(names, proxies, strict=True)},
        )
        stack.push_async_callback(asyncio.to_thread, broker.stop)
        for name, proxy in zip(names, proxies, strict=True):
            proxy.target = broker.address(name)
        topics = unique_topics("chaos")
        await create_topics(broker.bootstrap, *topics.names, partitions=PARTITIONS)
        zoho = await stack.enter_async_context(WatchedZoho(_options(plan)))
        stage = _Stage(plan, broker, topics, zoho)
        for number, proxy in enumerate(proxies):
            stage.replicas.append(await stage.replica(number, proxy, directory))
        stack.callback(stage.close)
        yield stage


def _options(plan: Plan) -> EmulatorOptions:
    unknown = frozenset(session_id(event.session) for event in plan.events if event.kind == "unknown session")
    return EmulatorOptions(
        limits=Limits(plan.requests, plan.window_seconds, plan.lock_seconds),
        catalogue=Catalogue(unknown=unknown, batch_dates=collect.BATCH_DATES),
        answer_seconds=plan.answer_seconds,
    )


class _Stage:
    """Everything of one run, while it lasts."""

    def __init__(self, plan: Plan, broker: Broker, topics: Topics, zoho: WatchedZoho) -> None:
        self.replicas: list[Replica] = []
        self._plan = plan
        self._broker = broker
        self._topics = topics
        self._zoho = zoho
        self._broker_is_mine = asyncio.Lock()  # nothing is published while the broker is away
        self._diary = Diary()
        self._acts = acts(self.replicas, broker, zoho)

    async def replica(self, number: int, proxy: Proxy, directory: Path) -> Replica:
        """One that is not started yet."""
        url = await self._zoho.open_door(number)
        env = settings_for(
            KafkaUnderTest(f"127.0.0.1:{proxy.port}"),
            self._topics,
            url,
            quota_requests=self._plan.requests,
            quota_window_seconds=self._plan.window_seconds,
            quota_lock_seconds=self._plan.lock_seconds,
            kafka_session_timeout_seconds=SESSION_TIMEOUT_SECONDS,
            attempts=100,  # no good event is given up
            refusals_before_hold=0,
        )
        armed = next((ambush for ambush in self._plan.ambushes if ambush.replica == number), None)
        return Replica(number, env, directory, proxy=proxy, armed=armed, note=self._diary.note)

    async def play(self) -> None:
        """From the first event to the last commit and the clean stop."""
        watch = asyncio.create_task(lateness(self._diary))
        lives: list[asyncio.Task[None]] = []
        try:
            await self._publish(0.0)
            self._diary.started_at = time.time()
            for replica in self.replicas:
                lives.append(asyncio.create_task(replica.live()))
                if replica.number == 0:
                    await self._first_owner(replica)
            moments = sorted({event.at for event in self._plan.events} - {0.0})
            async with asyncio.TaskGroup() as tasks:
                for moment in moments:
                    tasks.create_task(self._publish(moment))
                for disruption in self._plan.disruptions:
                    tasks.create_task(self._disrupt(disruption))
            await self._settle()
            await self._dismiss(lives)
        finally:
            for task in (watch, *lives):
                task.cancel()
            await asyncio.gather(watch, *lives, return_exceptions=True)

    async def evidence(self) -> Evidence:
        """What is to be judged, read from the broker and from Zoho."""
        for replica in self.replicas:
            self._diary.failures += replica.strange_ends
            self._diary.troubles += replica.freezes()
        bootstrap = self._broker.bootstrap
        return await collect.evidence(self._plan, self._diary, self._zoho, bootstrap, self._topics)

    def close(self) -> None:
        """End the processes, whatever state they are in."""
        for replica in self.replicas:
            replica.process.close()

    async def _first_owner(self, replica: Replica) -> None:
        """The first replica owns the account before the second joins; or it is dead already."""

        async def ready() -> bool:
            assert not replica.strange_ends, replica.strange_ends
            return replica.has_ended or await replica.process.http_status("/readyz") == 200

        await until(ready)

    async def _publish(self, at: float) -> None:
        """What is due then; what is due at 0 is there before the first replica starts."""
        if at:
            await self._wait_for(at)
        async with self._broker_is_mine:
            events = [event for event in self._plan.events if event.at == at]
            await publish(self._broker.bootstrap, self._topics.source, map(collect.record_of, events))

    async def _wait_for(self, at: float) -> None:
        await asyncio.sleep(self._diary.started_at + at - time.time())

    async def _disrupt(self, disruption: Disruption) -> None:
        await self._wait_for(disruption.at)
        act = self._acts[disruption.kind]
        if disruption.kind in _AT_ONCE:
            self._diary.note(str(disruption), disruption.replica, violent=False)
            await act(disruption)
            return
        if disruption.kind.startswith("broker"):
            async with self._broker_is_mine:
                await self._lasting(disruption, act)
        else:
            await self._lasting(disruption, act)

    async def _lasting(self, disruption: Disruption, act: Act) -> None:
        began_at = time.time()
        await act(disruption)
        what, violent = str(disruption), disruption.kind in _VIOLENT
        self._diary.troubles.append(Trouble(what, began_at, time.time(), disruption.replica, violent))

    async def _settle(self) -> None:
        """Everything is whole again: wait until every record is committed."""

        async def all_committed() -> bool:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                positions = await committed(self._broker.bootstrap, self._topics.group)
            except KafkaError:  # it is still finding itself
                return False
            done = sum(at.offset for part, at in positions.items() if part.topic == self._topics.source)
            return done >= len(self._plan.events)

        try:
            await until(all_committed, _SETTLE_SECONDS)
        except AssertionError:
            self._diary.failures.append(f"not finished {_SETTLE_SECONDS:g} s after the last trouble was over")

    async def _dismiss(self, lives: list[asyncio.Task[None]]) -> None:
        for replica in self.replicas:
            replica.dismiss()
        ended, left = await asyncio.wait(lives, timeout=_STOP_SECONDS)
        for life in ended:
            life.result()  # what broke in the harness is no finding about the product
        if left:
            self._diary.failures.append(f"{len(left)} replicas still run {_STOP_SECONDS:g} s after SIGTERM")

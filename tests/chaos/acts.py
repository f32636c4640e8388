"""How each kind of disruption is done, and undone when its time is over."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from tests.chaos.plan import Disruption, DisruptionKind
from tests.chaos.replica import Replica
from tests.chaos.zoho import WatchedZoho
from tests.kafka_broker.broker import Broker

# Returns when it is over.
Act = Callable[[Disruption], Awaitable[None]]


def acts(replicas: Sequence[Replica], broker: Broker, zoho: WatchedZoho) -> dict[DisruptionKind, Act]:
    """The act of every kind."""

    def replica(disruption: Disruption) -> Replica:
        assert disruption.replica is not None
        return replicas[disruption.replica]

    async def kill(disruption: Disruption) -> None:
        replica(disruption).kill(disruption.seconds)

    async def stop(disruption: Disruption) -> None:
        replica(disruption).stop(disruption.seconds)

    async def cut(disruption: Disruption) -> None:
        replica(disruption).proxy.cut()
        await asyncio.sleep(disruption.seconds)
        replica(disruption).proxy.mend()

    async def reset(disruption: Disruption) -> None:
        replica(disruption).proxy.reset()
        await asyncio.sleep(disruption.seconds)
        replica(disruption).proxy.mend()

    async def broker_kill(disruption: Disruption) -> None:
        await asyncio.to_thread(broker.kill)
        await asyncio.sleep(disruption.seconds)
        await asyncio.to_thread(broker.start)

    async def broker_freeze(disruption: Disruption) -> None:
        broker.freeze()
        await asyncio.sleep(disruption.seconds)
        broker.thaw()

    async def lock(disruption: Disruption) -> None:
        zoho.lock(disruption.seconds)
        await asyncio.sleep(disruption.seconds)

    async def fault(disruption: Disruption) -> None:
        assert disruption.fault is not None
        zoho.add_fault(disruption.fault)

    async def tokens_die(disruption: Disruption) -> None:
        zoho.kill_tokens()

    return {
        "kill": kill,
        "stop": stop,
        "freeze": lambda disruption: replica(disruption).freeze(disruption.seconds),
        "cut": cut,
        "reset": reset,
        "broker kill": broker_kill,
        "broker freeze": broker_freeze,
        "lock": lock,
        "outage": lambda disruption: zoho.outage(disruption.seconds),
        "refuse": lambda disruption: zoho.close_doors(disruption.seconds),
        "fault": fault,
        "tokens die": tokens_die,
    }

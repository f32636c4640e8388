"""The settings of a broker that starts, stops and comes back fast on a small machine. All measured."""

from collections.abc import Mapping
from pathlib import Path

# One process is broker and controller. What has a reason that can't be seen from its name:
_DEFAULTS: Mapping[str, str] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    # Production brokers rarely create topics by themselves; a typo must be seen here, too.
    "auto.create.topics.enable": "false",
    # The broker comes back 3 s after SIGKILL instead of 12 s: its own old session must end first.
    "broker.session.timeout.ms": "1000",
    "broker.heartbeat.interval.ms": "200",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "offsets.topic.num.partitions": "2",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "2",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "2",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # The log cleaner takes 128 MB at once by default, and a small heap dies of it.
    "log.cleaner.dedupe.buffer.size": "2097152",
    "num.network.threads": "2",
    "num.io.threads": "2",
}

JAVA_OPTIONS = (
    # 1.3 to 2.5 s to an open port: no server compiler, no parallel collector, a small heap.
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
)


def server_properties(
    data: Path,
    broker_port: int,
    controller_port: int,
    changes: Mapping[str, str],
    *,
    listeners: Mapping[str, tuple[str, int]] | None = None,
    advertised: Mapping[str, int] | None = None,
) -> str:
    """The text of a server.properties; `changes` win over everything.

    `listeners`: more ways in beside PLAINTEXT, name → (security protocol, port). `advertised`: those
    of them whose clients are sent to another port: a proxy's.
    """
    here = "127.0.0.1"
    more = listeners or {}
    open_to_clients = [
        f"PLAINTEXT://{here}:{broker_port}",
        *(f"{name}://{here}:{port}" for name, (_, port) in more.items()),
    ]
    named_to_clients = [
        f"PLAINTEXT://{here}:{broker_port}",
        *(f"{name}://{here}:{(advertised or {}).get(name, port)}" for name, (_, port) in more.items()),
    ]
    protocols = [
        _DEFAULTS["listener.security.protocol.map"],
        *(f"{name}:{protocol}" for name, (protocol, _) in more.items()),
    ]
    settings = {
        **_DEFAULTS,
        "log.dirs": str(data),
        "controller.quorum.voters": f"1@{here}:{controller_port}",
        "listeners": ",".join((*open_to_clients, f"CONTROLLER://{here}:{controller_port}")),
        "advertised.listeners": ",".join(named_to_clients),
        "listener.security.protocol.map": ",".join(protocols),
        **changes,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())

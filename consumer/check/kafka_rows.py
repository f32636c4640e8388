"""Kafka: the way to each bootstrap server, the login, and every broker where it says that it is."""

import asyncio
from dataclasses import dataclass

from consumer.check.network import Endpoint, way_to
from consumer.check.rows import Gravity, Group, Row
from consumer.kafka.connection import KafkaRefusedError, KafkaUnreachableError, tls_context
from consumer.kafka.inspection import SeenCluster, knock, look_at_cluster, offered_mechanisms
from consumer.settings import KafkaSettings, SettingsError

SECONDS = 8.0
NETWORK, KAFKA = Group("network"), Group("kafka")
_AUTHORITY = "CONSUMER_KAFKA_SSL_CA_FILE"
_SETTING = "CONSUMER_KAFKA_BOOTSTRAP_SERVERS"
_ADVERTISED = (
    "Clients are sent to this address: it must be a name and port that work from here. Correct the broker's "
    "advertised.listeners, or the name server, firewalls and network policies on the way."
)


@dataclass(frozen=True, slots=True)
class SeenKafka:
    """What was found. `server`: a bootstrap server that lets us in; None: there is none."""

    rows: tuple[Row, ...]
    server: str | None = None
    cluster: SeenCluster | None = None


async def look_at_kafka(kafka: KafkaSettings, topics: list[str]) -> SeenKafka:
    """Every bootstrap server, then every broker that one of them names."""
    try:
        tls = tls_context(kafka)
    except SettingsError as exc:
        wrong = [KAFKA.bad(Gravity.SETTINGS, "TLS files", each, "Mend the file.") for each in exc.problems]
        return SeenKafka((*wrong, KAFKA.unchecked("login", "the TLS files can't be used")))
    endpoints = [_endpoint(server, tls) for server in kafka.bootstrap_servers.split(",")]
    ways = await asyncio.gather(*(way_to(endpoint, NETWORK) for endpoint in endpoints))
    rows = [row for way in ways for row in way]
    open_ones = [
        str(endpoint) for endpoint, way in zip(endpoints, ways, strict=True) if way[-1].gravity is None
    ]
    if not open_ones:
        return SeenKafka((*rows, KAFKA.unchecked("login", "no bootstrap server can be reached")))
    entries = await asyncio.gather(*(_enter(kafka, server, topics) for server in open_ones))
    rows += [row for more, _ in entries for row in more]
    inside = [
        (server, cluster)
        for server, (_, cluster) in zip(open_ones, entries, strict=True)
        if cluster is not None
    ]
    if not inside:
        return SeenKafka(tuple(rows))
    server, cluster = inside[0]
    brokers = sorted(cluster.brokers.items())
    rows += await asyncio.gather(*(_broker(kafka, node, address) for node, address in brokers))
    return SeenKafka(tuple(rows), server, cluster)


def _endpoint(server: str, tls: object) -> Endpoint:
    host, _, port = server.rpartition(":")
    return Endpoint(host.strip("[]"), int(port), _SETTING, tls, _AUTHORITY, Gravity.REFUSED)  # type: ignore[arg-type]


async def _enter(
    kafka: KafkaSettings, server: str, topics: list[str]
) -> tuple[list[Row], SeenCluster | None]:
    """The login at one bootstrap server, and what it says of the cluster."""
    rows = []
    if kafka.sasl_mechanism is not None:
        mechanism = await _mechanism(kafka, server, kafka.sasl_mechanism)
        rows.append(mechanism)
        if mechanism.gravity is not None:
            return rows, None
    who = f"as {kafka.sasl_username} " if kafka.sasl_username else ""
    try:
        cluster = await look_at_cluster(kafka, server, topics, SECONDS)
    except (KafkaUnreachableError, KafkaRefusedError) as exc:
        rows.append(_failed(f"{server} login", exc))
        return rows, None
    rows.append(KAFKA.ok(f"{server} login", f"let in {who}by {kafka.security_protocol}"))
    return rows, cluster


async def _mechanism(kafka: KafkaSettings, server: str, wanted: str) -> Row:
    subject = f"{server} SASL"
    try:
        offered = await offered_mechanisms(kafka, server, SECONDS)
    except (KafkaUnreachableError, KafkaRefusedError) as exc:
        return _failed(subject, exc)
    if wanted in offered:
        return KAFKA.ok(subject, f"offers {', '.join(offered)}")
    found = f"does not offer {wanted}, but {', '.join(offered)}" if offered else "wants no SASL on this port"
    todo = "Set CONSUMER_KAFKA_SASL_MECHANISM to one of these, or enable yours at the broker."
    if not offered:
        todo = "Set CONSUMER_KAFKA_SECURITY_PROTOCOL without SASL, or take the port of a SASL listener."
    return KAFKA.bad(Gravity.REFUSED, subject, found, todo)


async def _broker(kafka: KafkaSettings, node: int, address: str) -> Row:
    subject = f"broker {node}"
    try:
        await knock(kafka, address, SECONDS)
    except (KafkaUnreachableError, KafkaRefusedError) as exc:
        gravity = Gravity.REFUSED if isinstance(exc, KafkaRefusedError) else Gravity.UNREACHABLE
        return KAFKA.bad(gravity, subject, f"advertised at {address}: {exc}", _ADVERTISED)
    return KAFKA.ok(subject, f"answers at {address}, where it sends clients to")


def _failed(subject: str, exc: KafkaUnreachableError | KafkaRefusedError) -> Row:
    """Its sentence ends with what to check; that is all there is to do about it."""
    found, _, check = str(exc).partition("; ")
    todo = check[:1].upper() + check[1:] if check else "Check the broker, its port and its log."
    gravity = Gravity.REFUSED if isinstance(exc, KafkaRefusedError) else Gravity.UNREACHABLE
    return KAFKA.bad(gravity, subject, found, todo)

"""The two long-lived Kafka clients, set up against the traps that are known (docs/decisions)."""

from collections.abc import Callable, Mapping

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from consumer.kafka.assignor import AccountAssignor
from consumer.kafka.connection import client_options, translated
from consumer.kafka.poll_bound import bound_polls
from consumer.kafka.unpacking import bound_unpacking
from consumer.settings import KafkaSettings

PRODUCER_BATCH_BYTES = 128 * 1024
# What the client may hold beside the backlog.
FETCH_BYTES = 4 * 1024 * 1024
NEVER_MS = 2**31 - 1
HEARTBEAT_SHARE = 1 / 5
LONGEST_RESERVATION_SECONDS = 5.0


def reservation_life(session_timeout_seconds: float, rebalance_seconds: float) -> float:
    """How long after a commit a call may still start: 5 s, or half of the lease that the commit gives.

    A commit that succeeded says that nobody else owns what it names for so long after it was *sent*:
    the group waits for this member's heartbeat, or for it to join again.
    """
    lease_seconds = min(
        session_timeout_seconds, rebalance_seconds - session_timeout_seconds * HEARTBEAT_SHARE
    )
    return min(LONGEST_RESERVATION_SECONDS, lease_seconds / 2)


def consumer_factory(
    kafka: KafkaSettings, lanes: Mapping[str, str], *, rebalance_seconds: float
) -> Callable[[], AIOKafkaConsumer]:
    """Makes unstarted group members that commit nothing by themselves and never jump to a position.

    `lanes`: the source topic of each replay topic. `rebalance_seconds`: how long the broker waits for
    this member to hand over. The client's request time-out lies above it, because a JoinGroup request
    is answered only then.
    """
    bound_polls()
    bound_unpacking()

    def make() -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            **client_options(kafka, request_timeout_seconds=rebalance_seconds + 5),
            group_id=kafka.group_id,
            enable_auto_commit=False,
            auto_offset_reset="none",
            # What a publisher's transaction took back was never said.
            isolation_level="read_committed",
            partition_assignment_strategy=(AccountAssignor(lanes),),
            session_timeout_ms=round(kafka.session_timeout_seconds * 1000),
            heartbeat_interval_ms=round(kafka.session_timeout_seconds * 1000 * HEARTBEAT_SHARE),
            rebalance_timeout_ms=round(rebalance_seconds * 1000),
            # Judged by whether somebody waits in getmany, which says nothing of us: `/livez` does.
            max_poll_interval_ms=NEVER_MS,
            fetch_max_wait_ms=250,
            fetch_max_bytes=FETCH_BYTES,
            max_partition_fetch_bytes=1024 * 1024,
        )

    return make


async def connect_producer(kafka: KafkaSettings) -> AIOKafkaProducer:
    """A started producer that waits for all in-sync replicas.

    Not idempotent: such a one never gives up while the broker is away, and one record that is too
    large poisons its partition. Stable dead-letter ids make a copy recognisable instead.
    """
    producer = AIOKafkaProducer(
        **client_options(kafka),
        acks="all",
        enable_idempotence=False,
        max_batch_size=PRODUCER_BATCH_BYTES,
    )
    with translated("The dead-letter producer:"):
        await producer.start()
    return producer

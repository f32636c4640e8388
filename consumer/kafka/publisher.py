"""Sends a command's records to a topic, each acknowledged by all in-sync replicas, no wait without end."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer, errors
from aiokafka.protocol.metadata import MetadataRequest

from consumer.events.binary import Message
from consumer.kafka.connection import check_connection, client_options, translate, translated
from consumer.settings import KafkaSettings

# The client's own bound; the broker's is the topic's max.message.bytes.
MAX_RECORD_BYTES = 64 * 1024 * 1024
# Enough to keep the broker busy, few enough to be acknowledged well within the bound.
_TOGETHER = 500
_ACKNOWLEDGED_SECONDS = 30.0
_CLOSE_SECONDS = 2.0


class TopicMissingError(Exception):
    """There is no such topic. The text is a sentence that says how to come by it."""


def missing_topic(topic: str) -> TopicMissingError:
    """The error for one of our topics."""
    return TopicMissingError(f"Topic {topic} does not exist; create it with: session-consumer topics create")


@dataclass(frozen=True, slots=True)
class Sent:
    """Where the broker stored the record."""

    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class NotSent:
    """`reason` is a sentence. Where no answer came, the record may have been stored all the same."""

    reason: str


async def publish(
    kafka: KafkaSettings, topic: str, messages: Sequence[Message], *, within_seconds: float = 10.0
) -> list[Sent | NotSent]:
    """Send them in order, one result each; once nothing of a batch gets through, the rest is not tried.

    `within_seconds` bounds the time until Kafka lets us in and shows the topic; raises
    KafkaUnreachableError, KafkaRefusedError, SettingsError (TLS files), TopicMissingError. No topic
    comes into being by being asked for.
    """
    async with _producer(kafka, topic, within_seconds) as producer:
        results: list[Sent | NotSent] = []
        for start in range(0, len(messages), _TOGETHER):
            batch = await _send_together(producer, topic, messages[start : start + _TOGETHER])
            results += batch
            if not any(isinstance(each, Sent) for each in batch):
                break
        not_tried = NotSent("Not tried: nothing of the batch before it got through.")
        return results + [not_tried] * (len(messages) - len(results))


@asynccontextmanager
async def _producer(
    kafka: KafkaSettings, topic: str, within_seconds: float
) -> AsyncIterator[AIOKafkaProducer]:
    with translated(kafka.bootstrap_servers):
        async with asyncio.timeout(within_seconds):
            await check_connection(kafka, within_seconds)
    producer = AIOKafkaProducer(
        **client_options(kafka, request_timeout_seconds=within_seconds),
        acks="all",
        max_request_size=MAX_RECORD_BYTES,
    )
    try:
        with translated(kafka.bootstrap_servers):
            async with asyncio.timeout(within_seconds):
                await producer.start()
                await _see_topic(producer, topic)
        yield producer
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await producer.stop()


async def _see_topic(producer: AIOKafkaProducer, topic: str) -> None:
    # Asked here, because the client's own request has the broker create a mistyped topic, where it may.
    node = producer.client.get_random_node()
    request = MetadataRequest([topic], allow_auto_topic_creation=False)
    answer = await producer.client.send(node, request)
    error = errors.for_code(answer.to_object()["topics"][0]["error_code"])
    if error is errors.UnknownTopicOrPartitionError:
        raise TopicMissingError(
            f"Topic {topic} does not exist; check CONSUMER_SOURCE_TOPIC, or create it with: "
            "session-consumer topics create"
        )
    if error not in {errors.NoError, errors.LeaderNotAvailableError}:
        raise translate(error(), f"Topic {topic}:")


async def _send_together(
    producer: AIOKafkaProducer, topic: str, messages: Sequence[Message]
) -> list[Sent | NotSent]:
    deadline = asyncio.get_running_loop().time() + _ACKNOWLEDGED_SECONDS
    futures = [await _send(producer, topic, message, deadline) for message in messages]
    pending = [future for future in futures if isinstance(future, asyncio.Future)]
    if pending:
        await asyncio.wait(pending, timeout=_ACKNOWLEDGED_SECONDS)
    return [future if isinstance(future, NotSent) else _result(future) for future in futures]


async def _send(
    producer: AIOKafkaProducer, topic: str, message: Message, deadline: float
) -> "asyncio.Future[object] | NotSent":
    try:
        async with asyncio.timeout_at(deadline):
            future: asyncio.Future[object] = await producer.send(
                topic, value=message.value, key=message.key, headers=list(message.headers)
            )
    except (errors.KafkaError, TimeoutError) as exc:
        return NotSent(_explained(exc))
    return future


def _result(future: "asyncio.Future[object]") -> Sent | NotSent:
    if not future.done():
        future.cancel()
        return NotSent(_explained(TimeoutError()))
    error = future.exception()
    if error is None:
        stored = future.result()
        return Sent(getattr(stored, "partition", -1), getattr(stored, "offset", -1))
    if not isinstance(error, Exception):
        raise error
    return NotSent(_explained(error))


def _explained(error: Exception) -> str:
    if isinstance(error, errors.MessageSizeTooLargeError):
        # One record that is too large takes those of its batch with it.
        return "Kafka refused it, or one sent together with it, as larger than the topic's max.message.bytes."
    return str(translate(error, "Kafka"))

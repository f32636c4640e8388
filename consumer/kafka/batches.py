"""Writes to a topic: pipelined, each record acknowledged by all in-sync replicas, none holding up another."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from aiokafka import AIOKafkaProducer
from aiokafka import errors as kafka_errors
from aiokafka.producer.message_accumulator import BatchBuilder

from consumer.kafka.connection import KafkaRefusedError, KafkaUnreachableError
from consumer.kafka.lenient_headers import lone_batch
from consumer.kafka.producer import SharedProducer
from consumer.records import Headers

# The client's own bound on a request, plus what it takes to tell.
WRITE_SECONDS = 30.0
# Uncompressed. Larger ones are sent with gzip: the broker judges what arrives, and may have taken the
# source record only because it came compressed.
LARGE_BYTES = 512 * 1024


class Message(Protocol):
    """What is written."""

    @property
    def key(self) -> bytes | None: ...

    @property
    def value(self) -> bytes | None: ...

    @property
    def headers(self) -> Headers: ...

    @property
    def size_bytes(self) -> int:
        """About its size on the wire."""
        ...


M = TypeVar("M", bound=Message)


class DiscardedError(Exception):
    """Not sent, because `BatchWriter.discard` was called before it was."""


class BatchWriter(Generic[M]):
    """Writes to one topic. `partition_of`: a message's partition, of so many."""

    def __init__(self, producer: SharedProducer, topic: str, partition_of: Callable[[M, int], int]) -> None:
        self._shared = producer
        self._topic = topic
        self._partition_of = partition_of
        self._discards = 0
        self._one_large = asyncio.Lock()

    async def write(self, messages: Sequence[M]) -> list[Exception | None]:
        """For each, in order, None once it is acknowledged, or what came instead. Never raises for Kafka.

        All partitions at once, each one's batches in order; waits for every acknowledgement, a bounded time.
        """
        return await self._write(messages, self._discards)

    async def _write(self, messages: Sequence[M], discards: int) -> list[Exception | None]:
        deadline = asyncio.get_running_loop().time() + WRITE_SECONDS
        try:
            async with asyncio.timeout_at(deadline):
                producer = await self._shared.ready()
                partitions = len(await producer.partitions_for(self._topic))
        except (*_NO_CONNECTION, kafka_errors.KafkaError, TimeoutError) as exc:
            return [exc] * len(messages)
        batches = self._in_batches(producer, messages, partitions)
        await asyncio.gather(
            *(
                self._write_in_order(producer, number, own, deadline, discards)
                for number, own in batches.items()
            )
        )
        errors: list[Exception | None] = [None] * len(messages)
        for batch in (batch for own in batches.values() for batch in own):
            for place in batch.places:
                errors[place] = batch.error
                # One record that is too large fails the whole batch it is in.
                if isinstance(batch.error, TOO_LARGE) and len(batch.places) > 1:
                    [errors[place]] = await self._write([messages[place]], discards)
        return errors

    def discard(self) -> None:
        """Send nothing any more of what is being written; it fails with DiscardedError.

        What is on its way to the broker at this moment may arrive yet.
        """
        self._discards += 1
        producer = self._shared.current
        if producer is None:
            return
        accumulator = producer._message_accumulator
        for partition in [each for each in accumulator._batches if each.topic == self._topic]:
            for batch in accumulator._batches.pop(partition):
                # One that is to be sent again takes itself out of this set when it ends.
                if batch.retry_count:
                    accumulator._pending_batches.add(batch)
                batch.failure(DiscardedError())
        for batch in accumulator._pending_batches:
            if batch.tp.topic == self._topic:
                batch._ttl = 0.0  # not sent again if it fails

    async def _write_in_order(
        self,
        producer: AIOKafkaProducer,
        partition: int,
        batches: "list[_Batch]",
        deadline: float,
        discards: int,
    ) -> None:
        """The next batch is given to the client while the last one waits for its acknowledgement."""
        sent: list[tuple[_Batch, asyncio.Future[object]]] = []
        for batch in batches:
            try:
                async with asyncio.timeout_at(deadline):
                    if isinstance(batch.builder, _Large):
                        async with self._one_large:
                            batch.builder = await asyncio.to_thread(batch.builder.packed)
                    if discards != self._discards:
                        raise DiscardedError
                    future = await producer.send_batch(batch.builder, self._topic, partition=partition)
            # AssertionError: the client's way to say that the partition is gone (topic made anew, smaller).
            except (kafka_errors.KafkaError, DiscardedError, TimeoutError, AssertionError) as exc:
                batch.error = exc
            else:
                sent.append((batch, future))
        if sent:
            left = deadline - asyncio.get_running_loop().time()
            await asyncio.wait([future for _, future in sent], timeout=max(0.0, left))
        for batch, future in sent:
            batch.error = _error_of(future)

    def _in_batches(
        self, producer: AIOKafkaProducer, messages: Sequence[M], partitions: int
    ) -> dict[int, "list[_Batch]"]:
        """By partition, in the order of the messages. What is large or has an odd header name is alone."""
        batches: dict[int, list[_Batch]] = defaultdict(list)
        for place, message in enumerate(messages):
            own = batches[self._partition_of(message, partitions)]
            if own and isinstance(own[-1].builder, BatchBuilder) and _append(own[-1].builder, message):
                own[-1].places.append(place)
            else:
                own.append(_new_batch(producer, place, message))
        return batches


TOO_LARGE = (kafka_errors.MessageSizeTooLargeError, kafka_errors.RecordListTooLargeError)
_NO_CONNECTION = (KafkaUnreachableError, KafkaRefusedError)


@dataclass(slots=True)
class _Batch:
    """Messages of one partition that go together. `places`: where they stand among all to be written."""

    builder: "BatchBuilder | _Large"
    places: list[int]
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class _Large:
    """A message that is packed when its turn comes: that takes several times its size, for a moment."""

    producer: AIOKafkaProducer
    message: Message

    def packed(self) -> BatchBuilder:
        """To be run in a thread, so that the loop keeps turning."""
        alone = _alone(self.producer, self.message, compressed=True)
        alone._build()
        return alone


def _new_batch(producer: AIOKafkaProducer, place: int, message: Message) -> _Batch:
    if message.size_bytes > LARGE_BYTES:
        return _Batch(_Large(producer, message), [place])
    builder = producer.create_batch()
    if not _append(builder, message):
        builder = _alone(producer, message, compressed=False)
    return _Batch(builder, [place])


def _alone(producer: AIOKafkaProducer, message: Message, *, compressed: bool) -> BatchBuilder:
    return lone_batch(
        producer, key=message.key, value=message.value, headers=message.headers, compressed=compressed
    )


def _append(builder: BatchBuilder, message: Message) -> bool:
    """False: the batch is full (an empty one never is), or the message has a header name that isn't UTF-8."""
    try:
        appended = builder.append(
            timestamp=None, key=message.key, value=message.value, headers=list(message.headers)
        )
    except UnicodeEncodeError:  # before anything was appended
        return False
    return appended is not None


def _error_of(acknowledgement: "asyncio.Future[object]") -> Exception | None:
    if not acknowledgement.done():
        acknowledgement.cancel()  # what the client shields: its own goes on, and nobody asks for this one
        return TimeoutError()
    error = acknowledgement.exception()
    if error is not None and not isinstance(error, Exception):
        raise error
    return error

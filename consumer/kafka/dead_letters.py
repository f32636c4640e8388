"""Writes dead letters: pipelined, each acknowledged by all in-sync replicas, none holding up another."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer
from aiokafka import errors as kafka_errors
from aiokafka.producer.message_accumulator import BatchBuilder

from consumer.delivery.dead_letter import DeadLetter
from consumer.delivery.ports import NotWritten
from consumer.kafka.connection import KafkaRefusedError, KafkaUnreachableError
from consumer.kafka.lenient_headers import lone_batch
from consumer.kafka.producer import SharedProducer

# The client's own bound on a request, plus what it takes to tell.
WRITE_SECONDS = 30.0
# Uncompressed. Larger ones are sent with gzip: the broker judges what arrives, and may have taken the
# source record only because it came compressed.
LARGE_LETTER_BYTES = 512 * 1024


class DeadLetterTopic:
    """One account's dead-letter topic; a `DeadLetterPort`. The producer is shared and closed elsewhere."""

    def __init__(self, producer: SharedProducer, topic: str) -> None:
        self._shared = producer
        self._topic = topic

    async def write(self, letters: Sequence[DeadLetter]) -> Sequence[NotWritten | None]:
        """See `DeadLetterPort.write`."""
        return [
            None if error is None else NotWritten(self._explain(letter, error))
            for letter, error in zip(letters, await self._write_together(letters), strict=True)
        ]

    async def _write_together(self, letters: Sequence[DeadLetter]) -> list[Exception | None]:
        """All partitions at once, each one's batches in order; waits for every acknowledgement."""
        deadline = asyncio.get_running_loop().time() + WRITE_SECONDS
        try:
            async with asyncio.timeout_at(deadline):
                producer = await self._shared.ready()
                partitions = len(await producer.partitions_for(self._topic))
        except (*_NO_CONNECTION, kafka_errors.KafkaError, TimeoutError) as exc:
            return [exc] * len(letters)
        batches = _in_batches(producer, letters, partitions)
        await asyncio.gather(
            *(self._write_in_order(producer, number, own, deadline) for number, own in batches.items())
        )
        errors: list[Exception | None] = [None] * len(letters)
        for batch in (batch for own in batches.values() for batch in own):
            for place in batch.places:
                errors[place] = batch.error
                # One record that is too large fails the whole batch it is in.
                if isinstance(batch.error, _TOO_LARGE) and len(batch.places) > 1:
                    [errors[place]] = await self._write_together([letters[place]])
        return errors

    async def _write_in_order(
        self, producer: AIOKafkaProducer, partition: int, batches: "list[_Batch]", deadline: float
    ) -> None:
        """The next batch is given to the client while the last one waits for its acknowledgement."""
        sent: list[tuple[_Batch, asyncio.Future[object]]] = []
        for batch in batches:
            try:
                async with asyncio.timeout_at(deadline):
                    if batch.large:  # compressed in a thread, so that the loop keeps turning
                        await asyncio.to_thread(batch.builder._build)
                    future = await producer.send_batch(batch.builder, self._topic, partition=partition)
            # AssertionError: the client's way to say that the partition is gone (topic made anew, smaller).
            except (kafka_errors.KafkaError, TimeoutError, AssertionError) as exc:
                batch.error = exc
            else:
                sent.append((batch, future))
        if sent:
            left = deadline - asyncio.get_running_loop().time()
            await asyncio.wait([future for _, future in sent], timeout=max(0.0, left))
        for batch, future in sent:
            batch.error = _error_of(future)

    def _explain(self, letter: DeadLetter, error: Exception) -> str:
        topic = self._topic
        match error:
            case kafka_errors.MessageSizeTooLargeError() | kafka_errors.RecordListTooLargeError():
                compressed = ", sent compressed," if letter.size_bytes > LARGE_LETTER_BYTES else ""
                return (
                    f"dead letter {letter.id} of about {letter.size_bytes} bytes{compressed} is larger than "
                    f"topic {topic} takes: raise the topic's max.message.bytes "
                    "(`session-consumer topics describe`)"
                )
            case kafka_errors.TopicAuthorizationFailedError():
                return f"no right to write dead letter {letter.id} to topic {topic}: grant Write on it"
            # The second is what a topic that is deleted under a running producer comes to first.
            case kafka_errors.UnknownTopicOrPartitionError() | kafka_errors.NotLeaderForPartitionError():
                return (
                    f"dead letter {letter.id} can't be written: topic {topic} does not exist or has "
                    "no leader (`session-consumer topics create`, setting CONSUMER_DEAD_LETTER_TOPIC)"
                )
            case KafkaUnreachableError() | KafkaRefusedError():
                return f"dead letter {letter.id} can't be written to topic {topic}: {error}"
            case _:
                name = type(error).__name__
                return f"dead letter {letter.id} can't be written to topic {topic}: {name}"


_NO_CONNECTION = (KafkaUnreachableError, KafkaRefusedError)
_TOO_LARGE = (kafka_errors.MessageSizeTooLargeError, kafka_errors.RecordListTooLargeError)


@dataclass(slots=True)
class _Batch:
    """Letters of one partition that go together. `places`: where they stand among all to be written."""

    builder: BatchBuilder
    places: list[int]
    large: bool
    error: Exception | None = None


def _in_batches(
    producer: AIOKafkaProducer, letters: Sequence[DeadLetter], partitions: int
) -> dict[int, list[_Batch]]:
    """By partition, in the order of the letters. What is large or has an odd name is alone."""
    batches: dict[int, list[_Batch]] = defaultdict(list)
    for place, letter in enumerate(letters):
        own = batches[letter.source_partition % partitions]
        if own and _append(own[-1].builder, letter):
            own[-1].places.append(place)
        else:
            own.append(_new_batch(producer, place, letter))
    return batches


def _new_batch(producer: AIOKafkaProducer, place: int, letter: DeadLetter) -> _Batch:
    builder = producer.create_batch()
    if _append(builder, letter) and builder.size() <= LARGE_LETTER_BYTES:
        return _Batch(builder, [place], large=False)
    large = letter.size_bytes > LARGE_LETTER_BYTES
    alone = lone_batch(producer, key=letter.key, value=letter.value, headers=letter.headers, compressed=large)
    return _Batch(alone, [place], large=large)


def _append(builder: BatchBuilder, letter: DeadLetter) -> bool:
    """False: the batch is full (an empty one never is), or the letter has a header name that isn't UTF-8."""
    try:
        appended = builder.append(
            timestamp=None, key=letter.key, value=letter.value, headers=list(letter.headers)
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

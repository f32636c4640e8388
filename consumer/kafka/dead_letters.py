"""Writes dead letters: pipelined, each acknowledged by all in-sync replicas, none holding up another."""

import asyncio
from collections.abc import Sequence

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka import errors as kafka_errors

from consumer.delivery.dead_letter import DeadLetter
from consumer.delivery.ports import NotWritten
from consumer.kafka.connection import KafkaRefusedError, KafkaUnreachableError
from consumer.kafka.lenient_headers import send_any_header_name
from consumer.kafka.producer import SharedProducer

# The client's own bound on a request, plus what it takes to tell.
WRITE_SECONDS = 30.0

log = structlog.get_logger(__name__)


class DeadLetterTopic:
    """One account's dead-letter topic; a `DeadLetterPort`. The producer is shared and closed elsewhere."""

    def __init__(self, producer: SharedProducer, topic: str) -> None:
        self._shared = producer
        self._topic = topic

    async def write(self, letters: Sequence[DeadLetter]) -> Sequence[NotWritten | None]:
        """See `DeadLetterPort.write`."""
        results = await self._write_together(letters)
        # One record that is too large fails the whole batch the client had put it in.
        alone = [i for i, result in enumerate(results) if isinstance(result, _TOO_LARGE)]
        if len(letters) > 1:
            for i in alone:
                [results[i]] = await self._write_together([letters[i]])
        return [
            None if result is None else NotWritten(self._explain(letter, result))
            for letter, result in zip(letters, results, strict=True)
        ]

    async def _write_together(self, letters: Sequence[DeadLetter]) -> list[Exception | None]:
        """Send them all, then wait for every acknowledgement."""
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                producer = await self._shared.ready()
                partitions = len(await producer.partitions_for(self._topic))
        except (*_NO_CONNECTION, kafka_errors.KafkaError, TimeoutError) as exc:
            return [exc] * len(letters)
        sent = [await self._send(producer, letter, partitions) for letter in letters]
        pending = [future for future in sent if isinstance(future, asyncio.Future)]
        if pending:
            await asyncio.wait(pending, timeout=WRITE_SECONDS)
        return [_result(future) for future in sent]

    async def _send(
        self, producer: AIOKafkaProducer, letter: DeadLetter, partitions: int
    ) -> "asyncio.Future[object] | Exception":
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                future: asyncio.Future[object] = await send_any_header_name(
                    producer,
                    self._topic,
                    letter.source_partition % partitions,
                    key=letter.key,
                    value=letter.value,
                    headers=letter.headers,
                )
        # AssertionError: the client's way to say that the partition is gone (topic made anew, smaller).
        except (kafka_errors.KafkaError, TimeoutError, AssertionError) as exc:
            return exc
        return future

    def _explain(self, letter: DeadLetter, error: Exception) -> str:
        topic = self._topic
        match error:
            case kafka_errors.MessageSizeTooLargeError() | kafka_errors.RecordListTooLargeError():
                return (
                    f"dead letter {letter.id} of about {letter.size_bytes} bytes is larger than topic "
                    f"{topic} takes: raise the topic's max.message.bytes (`session-consumer topics describe`)"
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


def _result(sent: "asyncio.Future[object] | Exception") -> Exception | None:
    if isinstance(sent, Exception):
        return sent
    if not sent.done():
        return TimeoutError()
    error = sent.exception()
    if error is not None and not isinstance(error, Exception):
        raise error
    return error

"""The Kafka that a test run uses: one broker of ours for the whole run, or the one that is named."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from tests.kafka_broker.broker import Broker

OTHER_BROKER = "CONSUMER_TEST_KAFKA"
_ANSWER_SECONDS = 20
_DELETE_SECONDS = 10


@dataclass(frozen=True, slots=True)
class KafkaUnderTest:
    """`broker` is None where CONSUMER_TEST_KAFKA names another one, which nobody here may stop."""

    bootstrap: str
    broker: Broker | None = None


@contextmanager
def kafka_under_test(directory: Path) -> Iterator[KafkaUnderTest]:
    """The broker of the run, ended or left alone afterwards.

    Raises BrokerUnavailableError where there is none to be had, and ConnectionError where the one that
    was asked for does not answer: nobody asks for that to be passed over.
    """
    other = os.environ.get(OTHER_BROKER)
    if other:
        _see_it_answer(other)
        yield KafkaUnderTest(other)
        return
    with Broker(directory) as broker:
        yield KafkaUnderTest(broker.bootstrap, broker)


def delete_topics(kafka: KafkaUnderTest, names: list[str]) -> None:
    """Leave a broker that isn't ours as it was found; ours goes with everything in it."""
    if kafka.broker is not None or not names:
        return
    client = AdminClient({"bootstrap.servers": kafka.bootstrap})  # its futures end with it
    for future in client.delete_topics(names).values():
        try:
            future.result(_DELETE_SECONDS)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:  # the test deleted it itself
                raise


def _see_it_answer(bootstrap: str) -> None:
    started_at = time.monotonic()
    try:
        AdminClient({"bootstrap.servers": bootstrap, "log_level": 0}).list_topics(timeout=_ANSWER_SECONDS)
    except KafkaException as error:
        waited_seconds = time.monotonic() - started_at
        raise ConnectionError(
            f"{OTHER_BROKER}={bootstrap} has not answered in {waited_seconds:.0f} s"
        ) from error

"""What is said of a run without a broker."""

import pytest

from tests.kafka_broker.under_test import OTHER_BROKER
from tests.untested import Untested

_HOW_TO_GET_IT = f"""\
Either of these brings it back:
  - Java 17 or newer and Maven (mvn): the run fetches Apache Kafka 4.1.1 once, keeps it in
    ~/.cache/session-consumer (or $CONSUMER_TEST_CACHE), starts it and stops it;
  - {OTHER_BROKER}=host:port: the run uses that broker (PLAINTEXT, free to create topics). Tests that
    kill or freeze a broker need Java and Maven all the same."""

UNTESTED = pytest.StashKey[Untested]()


def without_kafka() -> Untested:
    """For the tests that need a broker. With another one named, only those that kill one are missing."""
    return Untested(
        title="Apache Kafka",
        thing="a real Apache Kafka",
        mark="no Kafka: ",
        meaning="records lost, doubled or stuck on a real broker",
        remedy=_HOW_TO_GET_IT,
        excuse=OTHER_BROKER,
    )

"""What tests against a real Kafka start with: topics of their own and consumers that end with the test."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.kafka_broker.java import BrokerUnavailableError
from tests.kafka_broker.security import SecureKafka, make_certificates, secure_broker
from tests.kafka_broker.traffic import Topics, create_topics, unique_topics
from tests.kafka_broker.under_test import KafkaUnderTest, delete_topics
from tests.kafka_broker.untested import UNTESTED
from tests.process import ConsumerProcess

_DAY_MS = 86_400_000
# As `topics create` makes them, so that the consumer has nothing to warn of.
_AS_WANTED = {"max.message.bytes": str(2_097_164), "retention.ms": str(30 * _DAY_MS)}

MakeTopics = Callable[..., Awaitable[Topics]]
MakeConsumer = Callable[[Mapping[str, str]], ConsumerProcess]


@pytest.fixture
def topics(kafka: KafkaUnderTest) -> Iterator[MakeTopics]:
    """`await topics(partitions=4)`: four topics and a group that are this call's alone."""
    names: list[str] = []

    async def make(
        partitions: int = 1,
        *,
        dead_letter_partitions: int | None = None,
        config: Mapping[str, str] | None = None,
        dead_letter_config: Mapping[str, str] | None = None,
    ) -> Topics:
        made = unique_topics()
        names.extend(made.names)
        own = partial(create_topics, kafka.bootstrap, partitions=partitions)
        await own(made.source, config=config)
        await own(made.replay, config=_AS_WANTED)
        await own(
            made.dead_letters,
            partitions=dead_letter_partitions or partitions,
            config={**_AS_WANTED, **(dead_letter_config or {})},
        )
        await own(
            made.outcomes, config={"cleanup.policy": "compact", "min.compaction.lag.ms": str(7 * _DAY_MS)}
        )
        return made

    yield make
    delete_topics(kafka, names)


@pytest.fixture
def consumer_process(tmp_path: Path) -> Iterator[MakeConsumer]:
    """`consumer_process(env)`: a consumer that is not started yet and does not outlive the test."""
    with ExitStack() as stack:
        made: list[ConsumerProcess] = []

        def make(env: Mapping[str, str]) -> ConsumerProcess:
            process = ConsumerProcess(env, tmp_path / f"consumer-{len(made)}.log")
            made.append(process)
            stack.callback(process.close)
            return process

        yield make


@pytest.fixture(scope="session")
def secure_kafka(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SecureKafka]:
    """One broker for the whole run; it is slow to start."""
    directory = tmp_path_factory.mktemp("secure")
    certificates = make_certificates(directory / "certificates")
    with ExitStack() as stack:
        try:
            broker = stack.enter_context(secure_broker(directory / "broker", certificates))
        except BrokerUnavailableError as error:
            request.config.stash[UNTESTED].skip(str(error))
        yield SecureKafka(broker, certificates)

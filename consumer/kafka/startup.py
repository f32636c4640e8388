"""What must be true of Kafka before anything is served: it answers, and the topics are there."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from consumer.kafka.connection import KafkaUnreachableError
from consumer.kafka.topics import TopicRefusedError, create_topics, describe_topics
from consumer.settings import KafkaSettings, TopicNames

# Kafka has so long to answer at the start (contract, section 8).
START_SECONDS = 60.0

log = structlog.get_logger(__name__)


async def patiently(step: Callable[[], Awaitable[None]], deadline: float) -> None:
    """Take a step of the start, again and again while Kafka can't be reached.

    A broker that has just come back may answer and not know itself yet, so this is for every step. Raises
    KafkaUnreachableError at the deadline (of the loop's clock), and what else the step raises at once.
    """
    loop = asyncio.get_running_loop()
    while True:
        try:
            return await step()
        except KafkaUnreachableError as exc:
            if loop.time() >= deadline:
                raise
            log.warning("kafka not reached yet", reason=str(exc))
            await asyncio.sleep(1.0)


async def require_topics(kafka: KafkaSettings, accounts: Sequence[TopicNames], *, create: bool) -> None:
    """See to it that the accounts' topics are there, and warn where they are not as they should be.

    Raises TopicRefusedError, with all of them, where some are missing and `create` is false.
    """
    missing: list[str] = []
    for account in accounts:
        statuses = await describe_topics(kafka, account)
        absent = [status.name for status in statuses if status.topic is None]
        if absent and create:
            made = await create_topics(kafka, account)
            log.info("topics created", topics=list(made.created))
            statuses = made.statuses
        else:
            missing += absent
        for status in statuses:
            for problem in status.problems:
                log.warning("topic differs", problem=problem)
    if missing:
        raise TopicRefusedError(
            f"Missing topics: {', '.join(missing)}. Create them with `session-consumer topics "
            "create`, or set CONSUMER_CREATE_TOPICS=true."
        )

"""The account's topics: looked at, and created where they are missing. What exists is never changed."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from aiokafka import errors
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.protocol.metadata import MetadataRequest

from consumer.kafka.connection import (
    KafkaRefusedError,
    check_connection,
    client_options,
    translate,
    translated,
)
from consumer.kafka.topic_plan import (
    Topic,
    TopicStatus,
    WantedTopic,
    max_message_bytes,
    roles,
    status_of,
    wanted_topics,
)
from consumer.settings import KafkaSettings, TopicNames

_POLL_SECONDS = 0.1
_CLOSE_SECONDS = 1.0


class TopicRefusedError(Exception):
    """The broker does not make a topic as it was asked to: partitions, replication factor, policy."""


@dataclass(frozen=True, slots=True)
class Creation:
    """What `create_topics` did: the names it made, and how all topics stand now."""

    created: tuple[str, ...]
    statuses: tuple[TopicStatus, ...]


async def describe_topics(
    kafka: KafkaSettings,
    names: TopicNames,
    *,
    within_seconds: float = 10.0,
) -> tuple[TopicStatus, ...]:
    """How the account's four topics stand, the source first.

    KafkaUnreachableError, KafkaRefusedError (one of them may not be seen), SettingsError (TLS files).
    No topic comes into being by being asked for.
    """
    async with _admin(kafka, within_seconds) as admin:
        return status_of(names, await _existing(admin, roles(names).values()))


async def create_topics(
    kafka: KafkaSettings,
    names: TopicNames,
    *,
    partitions: int | None = None,
    replication_factor: int | None = None,
    within_seconds: float = 30.0,
) -> Creation:
    """Create those of the account's topics that are missing, the source included.

    Without `partitions` or `replication_factor` a topic gets as many as the source has, and the source
    the broker's default. Raises what `describe_topics` does, and TopicRefusedError; what was created
    before stays.
    """
    async with _admin(kafka, within_seconds) as admin:
        existing = await _existing(admin, roles(names).values())
        created = []
        source = existing.get(names.source_topic)
        if source is None:
            wanted = wanted_topics(names, None)[0]
            counts = await _default_counts(admin)
            await _create(admin, wanted, partitions or counts[0], replication_factor or counts[1])
            created.append(wanted.name)
            source = (await _wait_for(admin, [wanted.name]))[wanted.name]
        limit = max_message_bytes(source)
        if limit is None:
            raise KafkaRefusedError(
                f"The settings of {source.name} can't be read, and the others' follow from them; "
                "grant DescribeConfigs on it."
            )
        for wanted in wanted_topics(names, limit)[1:]:
            if wanted.name not in existing:
                await _create(
                    admin,
                    wanted,
                    partitions or source.partitions,
                    replication_factor or source.replication_factor,
                )
                created.append(wanted.name)
        return Creation(tuple(created), status_of(names, await _wait_for(admin, roles(names).values())))


@asynccontextmanager
async def _admin(kafka: KafkaSettings, within_seconds: float) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client for a bounded time; what goes wrong in it comes out as our errors."""
    with translated(kafka.bootstrap_servers):
        async with asyncio.timeout(within_seconds):
            await check_connection(kafka, within_seconds)
            admin = AIOKafkaAdminClient(**client_options(kafka, request_timeout_seconds=within_seconds))
            try:
                await admin.start()
                yield admin
            finally:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_CLOSE_SECONDS):
                        await admin.close()


async def _existing(admin: AIOKafkaAdminClient, names: Iterable[str]) -> dict[str, Topic]:
    """Those topics that exist. KafkaRefusedError where we may not even know."""
    # Not admin.describe_topics: that has the broker create what it is asked for, where it may.
    answer = await admin._send_request(MetadataRequest(list(names), allow_auto_topic_creation=False))
    found = []
    for topic in answer.to_object()["topics"]:
        error = errors.for_code(topic["error_code"])
        if error is errors.NoError:
            found.append(topic)
        elif error not in {errors.UnknownTopicOrPartitionError, errors.LeaderNotAvailableError}:
            raise translate(error(), f"Topic {topic['topic']}:")
    configs = await _configs(admin, [topic["topic"] for topic in found])
    return {
        topic["topic"]: Topic(
            name=topic["topic"],
            partitions=len(topic["partitions"]),
            replication_factor=max((len(each["replicas"]) for each in topic["partitions"]), default=0),
            config=configs.get(topic["topic"]),
        )
        for topic in found
    }


async def _configs(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    """The effective settings, defaults included, of the topics whose settings we may read."""
    if not names:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    configs: dict[str, dict[str, str]] = {}
    for answer in await admin.describe_configs(resources):
        for resource in answer.to_object()["resources"]:
            if errors.for_code(resource["error_code"]) is errors.NoError:
                configs[resource["resource_name"]] = _entries(resource)
    return configs


def _entries(resource: Mapping[str, Any]) -> dict[str, str]:
    return {
        entry["config_names"]: entry["config_value"]
        for entry in resource["config_entries"]
        if entry["config_value"] is not None
    }


async def _default_counts(admin: AIOKafkaAdminClient) -> tuple[int, int]:
    """The broker's default number of partitions and replicas; 1 and 1 where it doesn't tell us."""
    node = admin._client.get_random_node()
    (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.BROKER, str(node))])
    (resource,) = answer.to_object()["resources"]
    config = _entries(resource)
    return int(config.get("num.partitions", 1)), int(config.get("default.replication.factor", 1))


async def _create(
    admin: AIOKafkaAdminClient, wanted: WantedTopic, partitions: int, replication_factor: int
) -> None:
    new = NewTopic(wanted.name, partitions, replication_factor, topic_configs=dict(wanted.config))
    answer = await admin.create_topics([new])
    (result,) = answer.to_object()["topic_errors"]
    error = errors.for_code(result["error_code"])
    # Somebody was faster: theirs stays as it is.
    if error in {errors.NoError, errors.TopicAlreadyExistsError}:
        return
    if error in _ASKED_WRONGLY:
        said = (result.get("error_message") or error.description)[:300].rstrip(".")
        raise TopicRefusedError(f"Kafka does not create {wanted.name}: {said}.")
    raise translate(error(), f"Creating {wanted.name}: Kafka")


_ASKED_WRONGLY = frozenset(
    {
        errors.InvalidTopicError,
        errors.InvalidPartitionsError,
        errors.InvalidReplicationFactorError,
        errors.InvalidConfigurationError,
        errors.InvalidRequestError,
        errors.PolicyViolationError,
    }
)


async def _wait_for(admin: AIOKafkaAdminClient, names: Iterable[str]) -> dict[str, Topic]:
    """The topics once the broker we ask knows them all: it may lag behind the controller a little.

    Bounded by `_admin`'s time.
    """
    wanted = set(names)
    while True:
        existing = await _existing(admin, wanted)
        if existing.keys() == wanted:
            return existing
        await asyncio.sleep(_POLL_SECONDS)

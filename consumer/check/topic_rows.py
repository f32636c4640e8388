"""The account's topics and what we may do with each, and with the group. Pure."""

from collections.abc import Iterator, Mapping

from consumer.check.rows import Gravity, Group, Row
from consumer.kafka.inspection import SeenCluster, SeenGroup, SeenTopic
from consumer.kafka.topic_plan import Role, TopicStatus, roles
from consumer.settings import TopicNames

# What `run` needs. Read and Write let describe as well.
RIGHTS: Mapping[Role, tuple[str, ...]] = {
    "source": ("Read",),
    "dead_letter": ("Write",),
    "replay": ("Read",),
    "outcomes": ("Read", "Write"),
}
_NOT_TOLD = "this broker does not say what we may do (Kafka before 2.3)"


def topic_rows(
    names: TopicNames,
    seen: Mapping[str, SeenTopic],
    statuses: Mapping[str, TopicStatus],
    account: str,
    *,
    create: bool,
) -> Iterator[Row]:
    """How each topic stands. `statuses` lacks those whose settings could not be read.

    `create`: `run` makes those that are missing.
    """
    group = Group("topics", account)
    for role, name in roles(names).items():
        subject = f"{role.replace('_', '-')} {name}"
        topic = seen.get(name)
        if topic is None or topic.refused:
            yield group.unchecked(subject, "may not be seen: see the rights")
        elif not topic.exists and create:
            yield group.ok(subject, "does not exist yet: `run` makes it (CONSUMER_CREATE_TOPICS)")
        elif not topic.exists:
            yield group.bad(
                Gravity.FINDING, subject, "does not exist", "Create it: session-consumer topics create"
            )
        elif topic.leaderless:
            found = f"{topic.leaderless} of {len(topic.partitions)} partitions have no leader"
            yield group.bad(Gravity.UNREACHABLE, subject, found, "See to the cluster: brokers are missing.")
        else:
            yield from _settings_of(topic, statuses.get(name), subject, group)


def _settings_of(topic: SeenTopic, status: TopicStatus | None, subject: str, group: Group) -> Iterator[Row]:
    count = len(topic.partitions)
    shape = f"{count} partition{'' if count == 1 else 's'}"
    if status is None or status.topic is None:
        yield group.ok(subject, f"{shape}; its settings could not be read")
        return
    copies = status.topic.replication_factor
    shape = f"{shape}, {copies} cop{'y' if copies == 1 else 'ies'}"
    said = [each.sentence.removeprefix(f"{topic.name}: ") for each in status.differences if each.falls_short]
    if not said:
        yield group.ok(subject, shape)
    for sentence in said:
        found = f"{shape}; {sentence}"
        if status.topic.config is None:
            yield group.unchecked(subject, found)
        else:
            todo = "Change it with kafka-configs.sh; `topics create` changes nothing that exists."
            yield group.bad(Gravity.FINDING, subject, found, todo)


def right_rows(names: TopicNames, cluster: SeenCluster, account: str, *, create: bool) -> Iterator[Row]:
    """What we may do with each topic, as the broker says; nothing is read or written to find out."""
    group = Group("rights", account)
    for role, name in roles(names).items():
        topic, needed = cluster.topics.get(name), RIGHTS[role]
        subject = f"topic {name}"
        if topic is None or topic.refused:
            todo = f"Grant {' and '.join(needed)} on topic {name}."
            yield group.bad(Gravity.REFUSED, subject, "no right at all: it may not even be seen", todo)
        elif not topic.exists:
            yield (
                _to_create(subject, cluster, group) if create else group.unchecked(subject, "does not exist")
            )
        elif topic.operations is None:
            yield group.unchecked(subject, _NOT_TOLD)
        else:
            yield _judged(subject, f"topic {name}", needed, topic.operations, group)


def _to_create(subject: str, cluster: SeenCluster, group: Group) -> Row:
    """The right to make a topic may be given for it alone, and of a missing one the broker tells nothing."""
    if "Create" in (cluster.operations or ()):
        return group.ok(subject, "Create allowed, as for every topic of the cluster")
    return group.unchecked(subject, "whether it may be made can't be known before (Create)")


def group_right_row(group_id: str, seen: SeenGroup) -> Row:
    """What we may do with the consumer group."""
    group, subject = Group("rights"), f"group {group_id}"
    if seen.operations is None:
        return group.unchecked(subject, _NOT_TOLD)
    return _judged(subject, subject, ("Read",), seen.operations, group)


def _judged(
    subject: str, what: str, needed: tuple[str, ...], operations: frozenset[str], group: Group
) -> Row:
    lacking = [right for right in needed if right not in operations]
    if lacking:
        found = f"{' and '.join(lacking)} not allowed (allowed: {', '.join(sorted(operations)) or 'nothing'})"
        return group.bad(Gravity.REFUSED, subject, found, f"Grant {' and '.join(lacking)} on {what}.")
    return group.ok(subject, f"{' and '.join(needed)} allowed")

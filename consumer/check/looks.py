"""All checks in their order: each as far as those before it allow, every step bounded, nothing written."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from consumer.check.group_rows import (
    Standing,
    has_source,
    member_rows,
    owner_row,
    position_rows,
    quota_rows,
    standing_of,
)
from consumer.check.kafka_rows import SECONDS, SeenKafka, look_at_kafka
from consumer.check.minting import ALL_THE_SAME, why_not_minted
from consumer.check.rows import Gravity, Group, Row
from consumer.check.setting_rows import setting_rows
from consumer.check.topic_rows import group_right_row, right_rows, topic_rows
from consumer.check.zoho_rows import ZohoAccess, clock_unchecked, token_rows, ways
from consumer.delivery.quota import QuotaLimits
from consumer.kafka.clients import reservation_life
from consumer.kafka.connection import KafkaRefusedError, KafkaUnreachableError
from consumer.kafka.inspection import SeenGroup, SeenTopic, look_at_bounds, look_at_group
from consumer.kafka.positions import Bounds
from consumer.kafka.topic_plan import TopicStatus, roles
from consumer.kafka.topics import describe_topics
from consumer.records import TopicPartition
from consumer.rules import account_rules
from consumer.settings import AccountValues, Explanation, KafkaSettings, Settings, TopicNames


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found, and the group as it was seen, for whoever wants to join it.

    `missing`: topics that don't exist.
    """

    rows: tuple[Row, ...]
    group: SeenGroup | None = None
    missing: frozenset[str] = frozenset()


async def look(
    explanation: Explanation, account: str | None, *, no_mint: str = "", mint: bool = False
) -> Looked:
    """Check everything, of all accounts or one. `no_mint`: why no token is asked for.

    `mint`: one is asked for where it would not be of the check's own accord; never beyond a known budget.
    """
    rows = list(setting_rows(explanation, account))
    accounts = [each for each in explanation.accounts if account in (None, each.name)]
    several = len(explanation.accounts) > 1
    access = {each.name: ZohoAccess.of(each.values) for each in accounts}
    by_zoho = asyncio.create_task(_ways(each for each in access.values() if each is not None))
    seen = await _kafka(explanation, accounts, several=several)
    ways_rows, reached = await by_zoho
    rows += [*ways_rows, *seen.rows]
    zoho = await asyncio.gather(
        *(
            _zoho(
                access[each.name],
                seen.standings.get(each.name, Standing(None)),
                Group("zoho", each.name if several else ""),
                reached=reached,
                no_mint=no_mint,
                held_back="" if mint else _held_back(each, explanation, seen),
            )
            for each in accounts
        )
    )
    rows += [row for found in zoho for row in found]
    return Looked(tuple(rows), seen.group, seen.missing)


async def _ways(every: Iterable[ZohoAccess]) -> tuple[list[Row], frozenset[str]]:
    """The ways to the hosts of all accounts, each pair once, and the accounts URLs that can be reached."""
    pairs = {(access.people_url, access.accounts_url): access for access in every}
    found = await asyncio.gather(*(ways(access) for access in pairs.values()))
    reached = frozenset(url for (_, url), (_, well) in zip(pairs, found, strict=True) if well)
    return list(dict.fromkeys(row for rows, _ in found for row in rows)), reached


async def _zoho(
    access: ZohoAccess | None,
    standing: Standing,
    group: Group,
    *,
    reached: Set[str],
    no_mint: str,
    held_back: str,
) -> list[Row]:
    todo = ""
    if access is None:
        why = "where Zoho is can't be told from the settings"
    elif no_mint:
        why = no_mint
    elif access.credential is None:
        why = "the credential is not complete"
    elif held_back:
        why, todo = held_back, ALL_THE_SAME
    elif access.accounts_url not in reached:
        why = "the accounts host can't be reached: see the network"
    else:
        return await token_rows(access, access.credential, standing.mints, time.time(), group.account)
    return [group.unchecked("token", why, todo), clock_unchecked(group.account)]


def _held_back(account: AccountValues, explanation: Explanation, seen: "_Seen") -> str:
    standing = seen.standings.get(account.name)
    return why_not_minted(account.topics, seen.group, standing, usable=explanation.settings is not None)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What Kafka showed. `standings`: each account's quota, by its name, where it could be read."""

    rows: Sequence[Row]
    group: SeenGroup | None = None
    standings: Mapping[str, Standing] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()


async def _kafka(explanation: Explanation, accounts: Sequence[AccountValues], *, several: bool) -> _Seen:
    kafka = explanation.kafka
    if kafka is None:
        return _Seen([Group("kafka").unchecked("login", "the settings of Kafka can't be used")])
    names = {each.name: each.topics for each in accounts}
    known = [topics for topics in names.values() if topics is not None]
    seen = await look_at_kafka(kafka, [name for topics in known for name in roles(topics).values()])
    rows = list(seen.rows)
    if seen.server is None or seen.cluster is None:
        left = ("topics", "rights", "group")
        return _Seen([*rows, *(Group(each).unchecked("all", "Kafka does not let us in") for each in left)])
    there = seen.cluster.topics
    create = explanation.settings is not None and explanation.settings.create_topics
    missing = frozenset(name for name, each in there.items() if not (each.exists or each.refused))
    partitions = {each.name: _partitions(each, there) for each in known}
    all_partitions = [partition for own in partitions.values() for partition in own]
    statuses, found = await asyncio.gather(
        _statuses(kafka, known, there), _group(kafka, seen, all_partitions)
    )
    bounds = await _bounds(kafka, all_partitions)
    for name, topics in names.items():
        label = name if several else ""
        if topics is None:
            rows.append(
                Group("topics", label).unchecked("all", "their names can't be told from the settings")
            )
            continue
        rows += topic_rows(topics, there, statuses, label, create=create)
        rows += right_rows(topics, seen.cluster, label, create=create)
    if isinstance(found, Row):
        return _Seen([*rows, found])
    rows.append(group_right_row(kafka.group_id, found))
    rows += member_rows(found)
    standings: dict[str, Standing] = {}
    for each in known:
        label = each.name if several else ""
        own = partitions[each.name]
        rows.append(owner_row(each.source_topic, own, found, label))
        if has_source(each.source_topic, own):
            at = {place: found.committed[place].position for place in own if place in found.committed}
            rows += position_rows(at, bounds, kafka.group_id, label)
            standing = standings[each.name] = standing_of(each.source_topic, found.committed)
            limits = _limits(explanation.settings, each.name)
            owner = found.owner(each.source_topic)
            owned = owner is not None and owner.ours
            rows += quota_rows(standing, limits, time.time(), label, owned=owned)
        elif each.source_topic in missing:
            standings[each.name] = Standing(None)  # nobody can own what isn't there, nor have minted for it
    return _Seen(rows, found, standings, missing)


def _partitions(topics: TopicNames, there: Mapping[str, SeenTopic]) -> list[TopicPartition]:
    """Of the topics that a group has positions in."""
    return [
        TopicPartition(name, number)
        for name in (topics.source_topic, topics.replay_topic)
        if name in there and there[name].exists
        for number in there[name].partitions
    ]


async def _statuses(
    kafka: KafkaSettings, known: Sequence[TopicNames], there: Mapping[str, SeenTopic]
) -> dict[str, TopicStatus]:
    """The topics' settings, without those that can't be read."""
    statuses: dict[str, TopicStatus] = {}
    for topics in known:
        if any(there[name].refused for name in roles(topics).values() if name in there):
            continue  # it would say no more than the rights do
        try:
            found = await describe_topics(kafka, topics, within_seconds=SECONDS)
        except (KafkaUnreachableError, KafkaRefusedError):
            return statuses
        statuses |= {status.name: status for status in found}
    return statuses


async def _group(
    kafka: KafkaSettings, seen: SeenKafka, partitions: Sequence[TopicPartition]
) -> SeenGroup | Row:
    """The group, or why it can't be seen."""
    try:
        return await look_at_group(kafka, str(seen.server), partitions, SECONDS)
    except KafkaRefusedError as exc:
        todo = f"Grant Read on group {kafka.group_id} (CONSUMER_KAFKA_GROUP_ID)."
        return Group("rights").bad(Gravity.REFUSED, f"group {kafka.group_id}", str(exc), todo)
    except KafkaUnreachableError as exc:
        todo = "See to the broker that coordinates the group; above is which of them can't be reached."
        return Group("group").bad(Gravity.UNREACHABLE, kafka.group_id, str(exc), todo)


async def _bounds(
    kafka: KafkaSettings, partitions: Sequence[TopicPartition]
) -> dict[TopicPartition, Bounds] | None:
    if not partitions:
        return {}
    try:
        return await look_at_bounds(kafka, partitions, SECONDS)
    except (KafkaUnreachableError, KafkaRefusedError):
        return None


def _limits(settings: Settings | None, account: str) -> QuotaLimits | None:
    if settings is None:
        return None
    life = reservation_life(settings.kafka.session_timeout_seconds, settings.shutdown_seconds)
    return next((account_rules(each, life).quota for each in settings.accounts if each.name == account), None)

"""What our topics should be, and how those that exist differ (contract, section 8). Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from consumer.settings import TopicNames

Role = Literal["source", "dead_letter", "replay", "outcomes"]
ROLES: tuple[Role, ...] = get_args(Role)

MIB = 1024 * 1024
DAY_MS = 86_400_000
# Room for the headers of a dead letter beside a record as large as the source topic takes.
EXTRA_BYTES = MIB
RETENTION_MS = 30 * DAY_MS
MIN_COMPACTION_LAG_MS = 7 * DAY_MS
# Only closed segments are compacted, so a day's is closed.
SEGMENT_MS = DAY_MS
# Compacted once a tenth of it is superseded (Kafka's default: half): a take-over reads what is there.
DIRTY_RATIO = "0.1"
UNLIMITED = -1

MAX_MESSAGE_BYTES = "max.message.bytes"
RETENTION = "retention.ms"
CLEANUP = "cleanup.policy"
COMPACTION_LAG = "min.compaction.lag.ms"
SEGMENT = "segment.ms"
DIRTY = "min.cleanable.dirty.ratio"
# Set in a new topic, and nothing to speak of where they differ: they cost time, not records.
NOT_JUDGED = frozenset({SEGMENT, DIRTY})
SHOWN = (CLEANUP, RETENTION, MAX_MESSAGE_BYTES, COMPACTION_LAG)


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as the broker has it. `config` is None where we may not read it."""

    name: str
    partitions: int
    replication_factor: int
    config: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class WantedTopic:
    """A topic as the contract wants it; `config` is what we set, all else is the broker's default."""

    role: Role
    name: str
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting of an existing topic that is not as wanted, as a sentence.

    `falls_short` is false where it gives more than is needed, which may be meant.
    """

    setting: str
    sentence: str
    falls_short: bool = True


@dataclass(frozen=True, slots=True)
class TopicStatus:
    """One of the account's topics: as it is (None: missing), and how it differs."""

    role: Role
    name: str
    topic: Topic | None
    differences: tuple[Difference, ...] = ()

    @property
    def wanting(self) -> bool:
        """Whether something has to be done about it."""
        return self.topic is None or any(difference.falls_short for difference in self.differences)

    @property
    def problems(self) -> tuple[str, ...]:
        """What to tell about it, in sentences."""
        if self.topic is None:
            return (f"{self.name}: missing; `session-consumer topics create` makes it.",)
        return tuple(difference.sentence for difference in self.differences)


def roles(names: TopicNames) -> dict[Role, str]:
    """The account's topics by role, the source first."""
    return {
        "source": names.source_topic,
        "dead_letter": names.dead_letter_topic,
        "replay": names.replay_topic,
        "outcomes": names.outcomes_topic,
    }


def wanted_topics(names: TopicNames, source_max_message_bytes: int | None) -> tuple[WantedTopic, ...]:
    """The four topics; without the source's limit the others' is not judged (nor may they be created)."""
    lane = {CLEANUP: "delete", RETENTION: str(RETENTION_MS)}
    if source_max_message_bytes is not None:
        lane[MAX_MESSAGE_BYTES] = str(source_max_message_bytes + EXTRA_BYTES)
    outcomes = {
        CLEANUP: "compact",
        COMPACTION_LAG: str(MIN_COMPACTION_LAG_MS),
        SEGMENT: str(SEGMENT_MS),
        DIRTY: DIRTY_RATIO,
    }
    configs: dict[Role, dict[str, str]] = {
        "source": {},
        "dead_letter": lane,
        "replay": lane,
        "outcomes": outcomes,
    }
    return tuple(WantedTopic(role, name, configs[role]) for role, name in roles(names).items())


def status_of(names: TopicNames, existing: Mapping[str, Topic]) -> tuple[TopicStatus, ...]:
    """Every topic of the account, with what differs from the wanted settings."""
    limit = max_message_bytes(existing.get(names.source_topic))
    return tuple(
        TopicStatus(
            wanted.role,
            wanted.name,
            existing.get(wanted.name),
            tuple(differences(wanted, existing[wanted.name])) if wanted.name in existing else (),
        )
        for wanted in wanted_topics(names, limit)
    )


def missing(statuses: tuple[TopicStatus, ...]) -> tuple[str, ...]:
    """The names of topics that don't exist."""
    return tuple(status.name for status in statuses if status.topic is None)


def max_message_bytes(topic: Topic | None) -> int | None:
    """The topic's own limit, the broker's default included; None where it can't be known."""
    text = (topic.config or {}).get(MAX_MESSAGE_BYTES) if topic is not None else None
    return int(text) if text is not None and text.isdecimal() else None


def differences(wanted: WantedTopic, topic: Topic) -> Iterator[Difference]:
    """Each wanted setting that the topic doesn't have."""
    if topic.config is None:
        if wanted.config:
            yield Difference("", f"{topic.name}: its settings can't be read; grant DescribeConfigs on it.")
        return
    for setting, value in wanted.config.items():
        found = topic.config.get(setting, "")
        if setting in NOT_JUDGED:
            continue
        if setting == CLEANUP:
            if set(found.replace(" ", "").split(",")) != {value}:
                yield Difference(setting, _sentence(topic.name, setting, found, value))
        elif _number(found) != _number(value):
            short = not _covers(_number(found), _number(value))
            yield Difference(setting, _sentence(topic.name, setting, found, value, short=short), short)


def _covers(found: int | None, wanted: int | None) -> bool:
    return found is not None and wanted is not None and (found == UNLIMITED or found > wanted)


def _number(text: str) -> int | None:
    return int(text) if text.removeprefix("-").isdecimal() else None


_CONSEQUENCES = {
    CLEANUP: {
        "delete": "records without a key would be refused, and older ones of a key lost",
        "compact": "what became of a session would be forgotten",
    },
    RETENTION: "dead letters would be deleted before somebody has seen to them",
    MAX_MESSAGE_BYTES: "a large record's dead letter would not fit, and the account would wait",
    COMPACTION_LAG: "what became of an event would be compacted away within days",
}


def _sentence(name: str, setting: str, found: str, wanted: str, *, short: bool = True) -> str:
    said = f"{name}: {setting} is {found or 'not known'}, wanted is {wanted}"
    if not short:
        return f"{said}; more than needed, fine if meant."
    consequence = _CONSEQUENCES[setting]
    if isinstance(consequence, dict):
        consequence = consequence[wanted]
    return f"{said}: {consequence}."

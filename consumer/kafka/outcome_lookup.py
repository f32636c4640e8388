"""Finds what became of events: reads an outcomes topic to the end it had when it began."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from consumer.delivery.outcome import STATE_KEY_PREFIX, text_of
from consumer.events.model import SessionKey
from consumer.kafka.outcomes import partition_of
from consumer.kafka.topic_reading import count_partitions
from consumer.kafka.topic_scan import Keep, Raw, read_to_end
from consumer.settings import KafkaSettings
from schemas.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Found:
    """An outcome as the topic has it: read, and as JSON. Those of a session come in the order written."""

    outcome: Outcome
    value: Mapping[str, object]


async def outcomes_of_session(
    kafka: KafkaSettings, topic: str, session: SessionKey, *, within_seconds: float = 10.0
) -> list[Found]:
    """All that the topic still has of a session; errors as `reading`."""
    key = str(session).encode()
    number = partition_of(key, await count_partitions(kafka, topic, within_seconds))
    return await _find(
        kafka,
        topic,
        keep=lambda raw: raw.key == key,
        partitions=frozenset({number}),
        within_seconds=within_seconds,
    )


async def outcomes_of_event(
    kafka: KafkaSettings, topic: str, source: str, event_id: str, *, within_seconds: float = 10.0
) -> list[Found]:
    """All that the topic still has of an event; the whole topic is read. Errors as `reading`."""

    def wanted(value: Mapping[str, object]) -> bool:
        event = value.get("event")
        return isinstance(event, dict) and event.get("source") == source and event.get("id") == event_id

    return await _find(kafka, topic, keep=_is_outcome, wanted=wanted, within_seconds=within_seconds)


async def _find(
    kafka: KafkaSettings,
    topic: str,
    *,
    keep: Keep,
    wanted: Callable[[Mapping[str, object]], bool] = lambda _: True,
    partitions: frozenset[int] | None = None,
    within_seconds: float,
) -> list[Found]:
    found = []
    async for records in read_to_end(
        kafka, topic, keep=keep, partitions=partitions, within_seconds=within_seconds
    ):
        for record in records:
            value = _value(record.value)
            if value is not None and wanted(value):
                found += _read(value)
    return found


def _is_outcome(raw: Raw) -> bool:
    return raw.key is not None and not raw.key.startswith(STATE_KEY_PREFIX)


def _value(value: bytes | None) -> Mapping[str, object] | None:
    """The JSON object of a record that may be an outcome."""
    if value is None:
        return None
    try:
        parsed = json.loads(text_of(value))
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def _read(value: Mapping[str, object]) -> list[Found]:
    """None where it is no outcome: others may write to the topic too."""
    try:
        return [Found(Outcome.model_validate(value), value)]
    except ValidationError:
        return []

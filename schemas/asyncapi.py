"""The AsyncAPI 3.0 document: the four topics and their messages, put together from the models.

Operations are session-consumer's own: it receives what publishers send, and sends what they read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from schemas.asyncapi_messages import component_schemas, messages
from schemas.catalogue import DIRECTORY

DOCUMENT: Final = DIRECTORY / "asyncapi.json"


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """A topic's default name, and the settings that the contract wants it to have."""

    name: str
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Channel:
    description: str
    messages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Operation:
    action: Literal["send", "receive"]
    role: str
    summary: str


_CHANNELS: Final = {
    "source": _Channel(
        "What publishers send: one event for each change of a session. They own this topic.",
        ("sessionChangedBinary", "sessionChangedStructured"),
    ),
    "dead_letter": _Channel(
        "Records that could not be applied, untouched, each with its reason.", ("deadLetter",)
    ),
    "replay": _Channel("Dead letters that are tried once more.", ("replay",)),
    "outcomes": _Channel(
        "What became of every event, keyed by session, and of every dead letter. Compacted.",
        ("outcome", "deadLetterState"),
    ),
}
_OPERATIONS: Final = {
    "receiveSessionChanged": _Operation(
        "receive", "source", "Bring each change into Zoho, the newest of a session where several wait."
    ),
    "sendDeadLetter": _Operation("send", "dead_letter", "Put aside what can't be applied, with its reason."),
    "sendReplay": _Operation("send", "replay", "Try dead letters again: `session-consumer dlq replay`."),
    "receiveReplay": _Operation("receive", "replay", "Bring a replay into Zoho, beside the live events."),
    "sendOutcome": _Operation("send", "outcomes", "Tell what became of an event, or of a dead letter."),
}


def document(version: str, topics: Mapping[str, TopicFacts]) -> dict[str, Any]:
    """The whole document. `topics` by role, as `_CHANNELS` has them; `version` is the program's."""
    return {
        "asyncapi": "3.0.0",
        "id": "urn:session-consumer",
        "info": {
            "title": "session-consumer",
            "version": version,
            "description": "Training sessions' changes, from Kafka into Zoho People LMS. Operations are "
            "session-consumer's own: publishers send what it receives, and read what it sends. "
            "Topics have their default names here. Headers that are not named are kept and never read.",
        },
        "defaultContentType": "application/json",
        "channels": {role: _channel(channel, topics[role]) for role, channel in _CHANNELS.items()},
        "operations": {name: _operation(operation) for name, operation in _OPERATIONS.items()},
        "components": {"messages": messages(), "schemas": component_schemas()},
    }


def _channel(channel: _Channel, topic: TopicFacts) -> dict[str, Any]:
    config = {name: _setting(name, value) for name, value in topic.config.items()}
    return {
        "address": topic.name,
        "description": channel.description,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in channel.messages},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                **({"topicConfiguration": config} if config else {}),
                "bindingVersion": "0.5.0",
            }
        },
    }


def _setting(name: str, value: str) -> list[str] | int | float:
    if name == "cleanup.policy":
        return [value]
    return int(value) if value.isdecimal() else float(value)


def _operation(operation: _Operation) -> dict[str, Any]:
    channel = f"#/channels/{operation.role}"
    made: dict[str, Any] = {
        "action": operation.action,
        "channel": {"$ref": channel},
        "summary": operation.summary,
        "messages": [{"$ref": f"{channel}/messages/{name}"} for name in _CHANNELS[operation.role].messages],
    }
    if operation.action == "receive":
        group = {"type": "string", "default": "session-consumer"}
        made["bindings"] = {"kafka": {"groupId": group, "bindingVersion": "0.5.0"}}
    return made

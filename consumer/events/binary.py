"""An event as a record in CloudEvents binary mode: what `event publish` sends. Pure."""

import json
from dataclasses import dataclass
from typing import Final

from consumer.events.documents import Form
from consumer.events.headers import BINARY, CONTENT_TYPE, STRUCTURED
from consumer.events.strict_json import UnreadableJsonError, parse_json
from consumer.records import Headers
from schemas.event import EVENT_TYPE, SPEC_VERSION

_encode_json: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
# Say what the value is, which the header content-type does in binary mode.
_NO_HEADERS: Final = frozenset({"data", "datacontenttype"})


@dataclass(frozen=True, slots=True)
class Envelope:
    """The attributes that bare `data` is sent with."""

    id: str
    source: str
    time: str


@dataclass(frozen=True, slots=True)
class Message:
    """What goes to Kafka: keyed by the session's id, where there is one."""

    key: bytes | None
    value: bytes
    headers: Headers


def to_message(raw: bytes, form: Form, envelope: Envelope, max_bytes: int) -> Message:
    """The record of an event, valid or not; what can't be taken apart is sent as it stands, as structured.

    `envelope` is for bare `data` alone. Nothing is mended: wrong ids stay wrong.
    """
    try:
        content = parse_json(raw, max_bytes)
    except UnreadableJsonError:
        content = None
    if not isinstance(content, dict) or (form == "structured" and "data" not in content):
        return Message(None, raw, ((CONTENT_TYPE, STRUCTURED.encode()),))
    if form == "bare":
        attributes: dict[str, object] = {
            "specversion": SPEC_VERSION,
            "id": envelope.id,
            "source": envelope.source,
            "type": EVENT_TYPE,
            "time": envelope.time,
        }
        event_data: object = content
    else:
        attributes = {name: value for name, value in content.items() if name not in _NO_HEADERS}
        event_data = content["data"]
    headers = tuple(
        (f"ce_{name}", _attribute(value)) for name, value in attributes.items() if value is not None
    )
    return Message(
        _key(event_data), _encode_json(event_data).encode(), ((CONTENT_TYPE, BINARY.encode()), *headers)
    )


def _attribute(value: object) -> bytes:
    return (value if isinstance(value, str) else _encode_json(value)).encode()


def _key(event_data: object) -> bytes | None:
    session_id = event_data.get("sessionId") if isinstance(event_data, dict) else None
    return session_id.encode() if isinstance(session_id, str) else None

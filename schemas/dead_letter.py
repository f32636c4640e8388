"""The headers that a dead letter adds to its record, and those of its replays (contract, section 4)."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.error_class import ErrorClass
from schemas.fields import Contract, DateTime, Optional

# Apache Kafka's own names (KIP-1191): where the record was first read, and what went wrong.
ERRORS_TOPIC: Final = "__dlq.errors.topic"
ERRORS_PARTITION: Final = "__dlq.errors.partition"
ERRORS_OFFSET: Final = "__dlq.errors.offset"
ERRORS_GROUP: Final = "__dlq.errors.group"
ERRORS_DELIVERY_COUNT: Final = "__dlq.errors.delivery.count"
ERRORS_MESSAGE: Final = "__dlq.errors.message"
SCHEMA: Final = "dlq.schema"
ID: Final = "dlq.id"
ERROR_CLASS: Final = "dlq.error.class"
ERROR_RETRYABLE: Final = "dlq.error.retryable"
ERROR_DETAILS: Final = "dlq.error.details"
HTTP_STATUS: Final = "dlq.http.status"
ZOHO_CODE: Final = "dlq.zoho.code"
ZOHO_MESSAGE: Final = "dlq.zoho.message"
FAILED_AT: Final = "dlq.failed.at"
SOURCE_TIMESTAMP: Final = "dlq.source.timestamp"
EVENT_ID: Final = "dlq.event.id"
EVENT_SOURCE: Final = "dlq.event.source"
EVENT_TIME: Final = "dlq.event.time"
SESSION: Final = "dlq.session"
ACCOUNT: Final = "dlq.account"
REPLAY_COUNT: Final = "dlq.replay.count"
REPLAY_RUN_ID: Final = "dlq.replay.run-id"
REPLAY_BY: Final = "dlq.replay.by"
REPLAY_AT: Final = "dlq.replay.at"
REPLAY_REASON: Final = "dlq.replay.reason"
REPLAY_MENDED: Final = "dlq.replay.mended"
# In a run's first record alone: what the run is to replay, so that it can be resumed from anywhere.
REPLAY_SELECTION: Final = "dlq.replay.selection"
SERVICE_VERSION: Final = "dlq.service.version"
RUNBOOK: Final = "dlq.runbook"
TRACEPARENT: Final = "dlq.traceparent"

# An original header with one of these names is kept under this prefix.
ORIGINAL_PREFIX: Final = "original."

RESERVED_NAMES: Final = frozenset(
    {
        ERRORS_TOPIC,
        ERRORS_PARTITION,
        ERRORS_OFFSET,
        ERRORS_GROUP,
        ERRORS_DELIVERY_COUNT,
        ERRORS_MESSAGE,
        SCHEMA,
        ID,
        ERROR_CLASS,
        ERROR_RETRYABLE,
        ERROR_DETAILS,
        HTTP_STATUS,
        ZOHO_CODE,
        ZOHO_MESSAGE,
        FAILED_AT,
        SOURCE_TIMESTAMP,
        EVENT_ID,
        EVENT_SOURCE,
        EVENT_TIME,
        SESSION,
        ACCOUNT,
        REPLAY_COUNT,
        REPLAY_RUN_ID,
        REPLAY_BY,
        REPLAY_AT,
        REPLAY_REASON,
        REPLAY_MENDED,
        REPLAY_SELECTION,
        SERVICE_VERSION,
        RUNBOOK,
        TRACEPARENT,
    }
)

MAX_MESSAGE_BYTES: Final = 1024
SCHEMA_VERSION: Final = "1"


class DetailsEntry(Contract):
    """One broken field, as listed in `dlq.error.details`."""

    pointer: str
    """RFC 6901, into the event as in CloudEvents structured mode."""
    problem: str
    """What is wrong and how to mend it; never what the field held."""


_Number = Annotated[str, Field(strict=True, pattern=r"^[0-9]+$")]
_Text = Annotated[str, Field(strict=True)]


class DeadLetterHeaders(BaseModel):
    """The headers appended to a dead letter, as UTF-8 text. Key, value and other headers are the record's."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    errors_topic: _Text = Field(alias=ERRORS_TOPIC)
    """The topic where the record was first read."""
    errors_partition: _Number = Field(alias=ERRORS_PARTITION)
    """The partition where the record was first read."""
    errors_offset: _Number = Field(alias=ERRORS_OFFSET)
    """The offset at which the record was first read."""
    errors_group: _Text = Field(alias=ERRORS_GROUP)
    """The consumer group that read it."""
    errors_delivery_count: _Number = Field(alias=ERRORS_DELIVERY_COUNT)
    """How many calls to Zoho were made for it."""
    errors_message: Annotated[str, Field(strict=True, max_length=MAX_MESSAGE_BYTES)] = Field(
        alias=ERRORS_MESSAGE
    )
    """What went wrong, in one sentence of at most 1 KiB, without secrets."""
    schema_version: Literal["1"] = Field(alias=SCHEMA)
    """The version of these headers."""
    id: _Text = Field(alias=ID)
    """`<first topic>:<partition>:<offset>`; the same for a copy written twice."""
    error_class: ErrorClass = Field(alias=ERROR_CLASS)
    """Why it is here; also the metric label `error_class`."""
    error_retryable: Literal["true", "false"] = Field(alias=ERROR_RETRYABLE)
    """Whether the same record may succeed later."""
    error_details: Optional[_Text] = Field(
        default=None,
        alias=ERROR_DETAILS,
        json_schema_extra={
            "contentMediaType": "application/json",
            "contentSchema": {"type": "array", "items": {"$ref": "#/$defs/DetailsEntry"}},
        },
    )
    """JSON array of the fields to blame, each with `pointer` and `problem`."""
    http_status: Optional[_Number] = Field(default=None, alias=HTTP_STATUS)
    """The HTTP status of Zoho's last answer."""
    zoho_code: Optional[_Text] = Field(default=None, alias=ZOHO_CODE)
    """The code in Zoho's last answer."""
    zoho_message: Optional[_Text] = Field(default=None, alias=ZOHO_MESSAGE)
    """The message in Zoho's last answer."""
    failed_at: DateTime = Field(alias=FAILED_AT)
    """When it was given up, RFC 3339 UTC."""
    source_timestamp: Optional[DateTime] = Field(default=None, alias=SOURCE_TIMESTAMP)
    """The record's own timestamp, RFC 3339 UTC."""
    event_id: Optional[_Text] = Field(default=None, alias=EVENT_ID)
    """The event's `id`, where readable."""
    event_source: Optional[_Text] = Field(default=None, alias=EVENT_SOURCE)
    """The event's `source`, where readable."""
    event_time: Optional[DateTime] = Field(default=None, alias=EVENT_TIME)
    """The event's `time`, where readable."""
    session: Optional[_Text] = Field(default=None, alias=SESSION)
    """`courseId/batchId/moduleId/sessionId`, where all four are valid."""
    account: _Text = Field(alias=ACCOUNT)
    """The account's name."""
    replay_count: _Number = Field(alias=REPLAY_COUNT)
    """How often it was replayed."""
    replay_run_id: Optional[_Text] = Field(default=None, alias=REPLAY_RUN_ID)
    """The run that replayed it last."""
    service_version: _Text = Field(alias=SERVICE_VERSION)
    """The version of session-consumer that wrote it."""
    runbook: Optional[_Text] = Field(default=None, alias=RUNBOOK)
    """The page that says what to do about its class: a path within this project's repository."""
    traceparent: Optional[_Text] = Field(default=None, alias=TRACEPARENT)
    """The W3C trace context that the event came with, where it had a valid one."""


class ReplayHeaders(BaseModel):
    """The headers of a record on the replay topic, as UTF-8 text, beside those of the first record."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    id: _Text = Field(alias=ID)
    """The dead letter's `dlq.id`."""
    account: _Text = Field(alias=ACCOUNT)
    """The account's name."""
    errors_topic: _Text = Field(alias=ERRORS_TOPIC)
    """The topic where the record was first read."""
    errors_partition: _Number = Field(alias=ERRORS_PARTITION)
    """The partition where the record was first read."""
    errors_offset: _Number = Field(alias=ERRORS_OFFSET)
    """The offset at which the record was first read."""
    source_timestamp: Optional[DateTime] = Field(default=None, alias=SOURCE_TIMESTAMP)
    """The first record's own timestamp, RFC 3339 UTC."""
    replay_count: _Number = Field(alias=REPLAY_COUNT)
    """How often it was replayed, this time included: from 1."""
    replay_run_id: _Text = Field(alias=REPLAY_RUN_ID)
    """The run that replays it."""
    replay_by: _Text = Field(alias=REPLAY_BY)
    """Who started the run, or resumed it."""
    replay_at: DateTime = Field(alias=REPLAY_AT)
    """When the run was started, or resumed, RFC 3339 UTC."""
    replay_reason: _Text = Field(alias=REPLAY_REASON)
    """Why, in their words; may be empty."""
    replay_mended: Literal["true", "false"] = Field(alias=REPLAY_MENDED)
    """Whether the value is another one than the dead letter's."""
    replay_selection: Optional[_Text] = Field(default=None, alias=REPLAY_SELECTION)
    """In a run's first record alone: what the run is to replay, for `dlq replay --resume`; JSON."""

"""The headers that a dead letter adds to its record (contract, section 4)."""

from typing import Final

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
SERVICE_VERSION: Final = "dlq.service.version"

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
        SERVICE_VERSION,
    }
)

MAX_MESSAGE_BYTES: Final = 1024
SCHEMA_VERSION: Final = "1"

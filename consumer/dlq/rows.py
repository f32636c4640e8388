"""A dead letter as a row for programs (contract, section 8). Pure."""

from collections.abc import Mapping
from typing import Any

from consumer.dlq.letter import Letter
from consumer.dlq.register import Standing


def row(letter: Letter, standing: Standing) -> Mapping[str, Any]:
    """The contract's row; `message` to `calls` are of the newest copy, `replay_count` counts all replays."""
    return {
        "id": letter.id,
        "class": letter.error_class,
        "state": standing.state,
        "retryable": letter.retryable,
        "session": letter.session,
        "event_id": letter.event_id,
        "event_source": letter.event_source,
        "message": letter.message,
        "details": letter.broken_fields,
        "http_status": letter.http_status,
        "zoho_code": letter.zoho_code,
        "failed_at": letter.failed_at,
        "calls": letter.calls,
        "replay_count": standing.replay_count,
        "account": letter.account,
        "origin": letter.origin._asdict(),
        "at": {"partition": letter.partition, "offset": letter.offset},
    }

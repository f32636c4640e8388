"""A running consumer, asked over HTTP how its accounts stand."""

import http.client
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from consumer.cli.rows import Row

ANSWER_SECONDS = 5.0
MAX_BYTES = 64 * 1024 * 1024


class NoAnswerError(Exception):
    """No consumer answers there. The text is a sentence."""


def read_status(url: str) -> Mapping[str, Any]:
    """What `/status` says. Raises NoAnswerError, and ValueError where `url` is none of http or https."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be a URL such as http://127.0.0.1:8080")
    made = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = made(parts.hostname, parts.port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", f"{parts.path.rstrip('/')}/status")
        answer = connection.getresponse()
        body = answer.read(MAX_BYTES)
    except TimeoutError:
        raise NoAnswerError(f"{url} did not answer within {ANSWER_SECONDS:g} s.") from None
    except (OSError, http.client.HTTPException) as exc:
        why = getattr(exc, "strerror", None) or type(exc).__name__
        raise NoAnswerError(f"{url} can't be reached ({why}); is the consumer running there?") from None
    finally:
        connection.close()
    try:
        status = json.loads(body)
    except (ValueError, RecursionError):
        status = None
    if answer.status != http.client.OK or not isinstance(status, dict) or "accounts" not in status:
        raise NoAnswerError(f"{url} answers, but not as a consumer does (HTTP {answer.status}).")
    return status


def account_rows(status: Mapping[str, Any]) -> list[Row]:
    """A flat row for each account; times as the consumer gave them."""
    return [
        {
            "account": name,
            "state": account["state"],
            "since": account["since"],
            "until": account["until"],
            "reason": account["reason"],
            **account["quota"],
            "free": _free(account["quota"]),
            "backlog_events": account["backlog"]["events"],
            "backlog_sessions": account["backlog"]["sessions"],
            "oldest_event_at": account["backlog"]["oldest_event_at"],
            "eta_seconds": account["backlog"]["eta_seconds"],
            "lag": account["lag"],
            "version": status["version"],
        }
        for name, account in status["accounts"].items()
    ]


def _free(quota: Mapping[str, Any]) -> int:
    ours = int(quota["requests"] * quota["share"]) or 1
    return max(0, ours - int(quota["used"]))


def duration(seconds: float) -> str:
    """As people say it, in its two largest units: `45s`, `12m 5s`, `3h 2m`, `2d 4h`."""
    whole = max(0, round(seconds))
    units = [(whole // 86_400, "d"), (whole // 3_600 % 24, "h"), (whole // 60 % 60, "m"), (whole % 60, "s")]
    first = next((place for place, (count, _) in enumerate(units) if count), 3)
    said = [f"{count}{unit}" for count, unit in units[first : first + 2] if count]
    return " ".join(said) or "0s"


def _from_now(text: str | None, sign: int) -> str:
    if text is None:
        return "-"
    return duration(sign * (datetime.fromisoformat(text) - datetime.now(UTC)).total_seconds())


ACCOUNT_TABLE = {
    "ACCOUNT": lambda row: row["account"],
    "STATE": lambda row: row["state"],
    "OPENS": lambda row: _from_now(row["until"], 1),
    "CALLS": lambda row: f"{row['used']}/{row['requests']}",
    "FREE": lambda row: str(row["free"]),
    "SHARE": lambda row: f"{row['share']:.0%}",
    "EVENTS": lambda row: str(row["backlog_events"]),
    "OLDEST": lambda row: _from_now(row["oldest_event_at"], -1),
    "DRAIN": lambda row: duration(row["eta_seconds"]),
    "LAG": lambda row: str(sum(row["lag"].values())),
}

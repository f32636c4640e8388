"""Outcomes as rows for programs, and as lines for people."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from consumer.cli.rows import Row, one_line
from consumer.kafka.outcome_lookup import Found


def row(account: str, found: Found) -> Row:
    """The record's value as it is, and whose it is."""
    return {"account": account, **found.value}


def describe(outcome: Row) -> Iterator[str]:
    """One outcome, a line for each thing that there is to say."""
    origin = outcome["origin"]
    said = [
        *_event("event", outcome["event"]),
        ("session", outcome["session"]),
        ("outcome", outcome["outcome"]),
        ("why", outcome["errorClass"]),
        ("dead letter", outcome["deadLetterId"]),
        *(_event("newer", outcome["by"]) if outcome["by"] else ()),
        ("decided", outcome["at"]),
        ("first read", f"{origin['topic']}, partition {origin['partition']}, offset {origin['offset']}"),
    ]
    if (applied := outcome["applied"]) is not None:
        said += [*_event("last applied", applied), ("  at", applied["at"])]
    return (one_line(f"{name:14}{text}") for name, text in said if text)


def last_applied(rows: Sequence[Row]) -> str:
    """The newest `applied` among all records of a session, as a sentence: a late one may carry an older."""
    found = [row["applied"] for row in rows if row["applied"] is not None]
    if not found:
        return "Nothing was applied yet."
    applied = max(found, key=lambda each: str(each["at"]))
    return one_line(f"Applied last: {applied['id']}, at {_moment(applied['at'])}.")


def _event(name: str, event: Mapping[str, Any]) -> list[tuple[str, str]]:
    revision = event.get("revision")
    said = "" if revision is None else f", revision {revision}"
    return [(name, event["id"]), ("  source", event["source"]), ("  time", f"{event['time']}{said}")]


def _moment(text: str) -> str:
    return text[:19].replace("T", " ")


SESSION_TABLE = {
    "DECIDED": lambda row: _moment(row["at"]),
    "OUTCOME": lambda row: row["outcome"],
    "REV": lambda row: "-" if row["event"].get("revision") is None else str(row["event"]["revision"]),
    "EVENT": lambda row: row["event"]["id"],
}

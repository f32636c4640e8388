"""How dead letters are spoken of in tables of 80 columns."""

from collections.abc import Collection
from datetime import datetime

from consumer.cli.rows import Row
from consumer.cli.running import duration
from consumer.settings import TopicSettings


def short_id(dead_letter_id: str, own_topics: Collection[str]) -> str:
    """`partition:offset`, as every `dlq` command takes it too; in full where its topic is none of ours."""
    topic, _, place = dead_letter_id.rpartition(":")[0].rpartition(":")
    return f"{place}:{dead_letter_id.rpartition(':')[2]}" if topic in own_topics else dead_letter_id


def own_topics(settings: TopicSettings) -> frozenset[str]:
    """The accounts' source topics: none has to be named where there is one."""
    return frozenset(names.source_topic for names in settings.accounts)


def age(failed_at: str, now_seconds: float) -> str:
    """How long ago, in its largest unit: `3h`."""
    return duration(now_seconds - datetime.fromisoformat(failed_at).timestamp()).partition(" ")[0]


def what_went_wrong(row: Row) -> str:
    """The row's message with what matters first, since a table is cut at its end."""
    if row["details"]:
        first, *others = row["details"]
        field = str(first.get("pointer", "")).rpartition("/")[2]
        more = f" (and {len(others)} more)" if others else ""
        return f"{field} {first.get('problem', '')}{more}"
    message = str(row["message"])
    if row["http_status"] is None:
        return message
    return f"{row['http_status']}: {message.partition(': ')[2] or message}"

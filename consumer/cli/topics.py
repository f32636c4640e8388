"""`session-consumer topics create|describe`."""

import asyncio
import os
from collections.abc import Sequence
from typing import Any

import click

from consumer.cli import exit_codes
from consumer.cli.accounts import account_option
from consumer.cli.failures import exit_codes_from_errors
from consumer.cli.rows import Row, output_option, write_rows
from consumer.kafka.topic_plan import (
    CLEANUP,
    COMPACTION_LAG,
    DAY_MS,
    MAX_MESSAGE_BYTES,
    MIB,
    RETENTION,
    TopicStatus,
    missing,
)
from consumer.kafka.topics import Creation, create_topics, describe_topics
from consumer.settings import TopicNames, TopicSettings, load_topic_settings
from consumer.telemetry import configure_logging

WITHIN_SECONDS = 10.0


@click.group()
def topics() -> None:
    """Create and describe the topics of all accounts, or of one.

    Needs CONSUMER_KAFKA_… and, where the names differ from the defaults, CONSUMER_…_TOPIC
    or CONSUMER_ACCOUNTS_FILE.
    """


@topics.command()
@account_option
@output_option
def describe(account: str | None, output_format: str) -> None:
    """Show the accounts' topics, and how they differ from what the consumer needs.

    Exit codes: 0 all well, 1 a topic is missing or falls short, 2 settings, 3 Kafka can't be reached,
    4 refused.
    """
    configure_logging("console", "error")
    with exit_codes_from_errors():
        settings = load_topic_settings(os.environ, account)
        _warn(settings.warnings)
        described = asyncio.run(_describe(settings))
    rows = [_row(names.name, status) for names, found in described for status in found]
    several = {"ACCOUNT": _account} if len(described) > 1 else {}
    write_rows(rows, output_format, several | _TABLE)
    statuses = tuple(status for _, found in described for status in found)
    _warn([difference.sentence for status in statuses for difference in status.differences])
    if absent := missing(statuses):
        _warn([f"Missing: {', '.join(absent)}. Create with: session-consumer topics create"])
    if any(status.wanting for status in statuses):
        raise click.exceptions.Exit(exit_codes.FINDINGS)


@topics.command()
@click.option(
    "--partitions",
    type=click.IntRange(1, 10_000),
    help="Partitions of each new topic [default: as many as the source topic, or the broker's default].",
)
@click.option(
    "--replication-factor",
    type=click.IntRange(1, 100),
    help="Copies of each new topic [default: as many as the source topic, or the broker's default].",
)
@account_option
@output_option
def create(
    partitions: int | None, replication_factor: int | None, account: str | None, output_format: str
) -> None:
    """Create those of the accounts' topics that are missing. What exists is never changed.

    Exit codes: 0 all there and well, 1 an existing one falls short, 2 settings or options, 3 Kafka can't
    be reached, 4 refused.
    """
    configure_logging("console", "error")
    made: list[tuple[TopicNames, Creation]] = []
    with exit_codes_from_errors():
        settings = load_topic_settings(os.environ, account)
        _warn(settings.warnings)
        try:
            for names in settings.accounts:
                creating = create_topics(
                    settings.kafka, names, partitions=partitions, replication_factor=replication_factor
                )
                made.append((names, asyncio.run(creating)))
        finally:
            # Where one account's can't be made, those before it are told all the same.
            if made:
                _write_created(made, output_format)
    statuses = [status for _, creation in made for status in creation.statuses]
    _warn([difference.sentence for status in statuses for difference in status.differences])
    if any(status.wanting for status in statuses):
        raise click.exceptions.Exit(exit_codes.FINDINGS)


def _write_created(made: Sequence[tuple[TopicNames, Creation]], output_format: str) -> None:
    rows = [
        {**_row(names.name, status), "created": status.name in creation.created}
        for names, creation in made
        for status in creation.statuses
    ]
    done = {"DONE": lambda row: "created" if row["created"] else "exists"}
    columns = {name: _TABLE[name] for name in ("TOPIC", "PART", "REPL")}
    write_rows(rows, output_format, done | columns)


async def _describe(settings: TopicSettings) -> list[tuple[TopicNames, Sequence[TopicStatus]]]:
    return [
        (names, await describe_topics(settings.kafka, names, within_seconds=WITHIN_SECONDS))
        for names in settings.accounts
    ]


def _warn(sentences: Sequence[str]) -> None:
    for sentence in sentences:
        click.echo(f"Warning: {sentence}", err=True)


def _row(account: str, status: TopicStatus) -> Row:
    topic = status.topic
    config = (topic.config if topic else None) or {}
    return {
        "account": account,
        "role": status.role,
        "topic": status.name,
        "state": _state(status),
        "partitions": topic.partitions if topic else None,
        "replication_factor": topic.replication_factor if topic else None,
        "cleanup_policy": config.get(CLEANUP),
        "retention_ms": _number(config.get(RETENTION)),
        "max_message_bytes": _number(config.get(MAX_MESSAGE_BYTES)),
        "min_compaction_lag_ms": _number(config.get(COMPACTION_LAG)),
        "differences": [difference.sentence for difference in status.differences],
    }


def _state(status: TopicStatus) -> str:
    if status.topic is None:
        return "missing"
    return "differs" if status.differences else "ok"


def _number(text: str | None) -> int | None:
    return int(text) if text is not None else None


def _shown(value: Any) -> str:
    return "-" if value is None else str(value)


def _account(row: Row) -> str:
    return str(row["account"])


def _days(row: Row) -> str:
    if row["retention_ms"] is None or row["cleanup_policy"] == "compact":
        return "-"
    return "for ever" if row["retention_ms"] < 0 else f"{row['retention_ms'] / DAY_MS:.3g} d"


def _mib(row: Row) -> str:
    size = row["max_message_bytes"]
    return "-" if size is None else f"{size / MIB:.3g} MiB"


_TABLE = {
    "TOPIC": lambda row: row["topic"],
    "STATE": lambda row: row["state"],
    "PART": lambda row: _shown(row["partitions"]),
    "REPL": lambda row: _shown(row["replication_factor"]),
    "CLEANUP": lambda row: _shown(row["cleanup_policy"]),
    "KEPT": _days,
    "LARGEST": _mib,
}

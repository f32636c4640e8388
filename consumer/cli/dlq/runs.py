"""`session-consumer dlq runs`: replay runs, and what became of each."""

import asyncio
import os
from collections.abc import Sequence

import click

from consumer.cli import exit_codes
from consumer.cli.accounts import account_option
from consumer.cli.dlq.words import own_topics, short_id
from consumer.cli.failures import exit_codes_from_errors
from consumer.cli.rows import Row, output_option, write_rows
from consumer.dlq.reading import WITHIN_SECONDS
from consumer.dlq.runs import Runs
from consumer.kafka.topic_scan import read_to_end
from consumer.settings import KafkaSettings, TopicNames, load_topic_settings
from consumer.telemetry import configure_logging


@click.command(short_help="List replay runs, and what became of each.")
@click.argument("run", metavar="[RUN]", required=False)
@account_option
@output_option
def runs(run: str | None, account: str | None, output_format: str) -> None:
    """List replay runs, the newest first; with RUN, what became of each of its dead letters.

    Exit codes: 0 done, 1 there is no such run, 2 settings, 3 Kafka can't be reached, 4 refused.
    """
    configure_logging("console", "error")
    with exit_codes_from_errors():
        settings = load_topic_settings(os.environ, account)
        for warning in settings.warnings:
            click.echo(f"Warning: {warning}", err=True)
        found = [(names.name, asyncio.run(_read(settings.kafka, names))) for names in settings.accounts]
    rows = _rows(found, run)
    if rows or output_format == "json":
        several = {"ACCOUNT": lambda row: row["account"]} if len(found) > 1 else {}
        topics = own_topics(settings)
        ids = {"ID": lambda row: short_id(row["id"], topics)}
        # Reasons need the room, and few runs meet a newer change, or another run.
        seldom = {"SUPERSEDED": "superseded", "NOT TAKEN": "not_taken"}
        idle = {each for each, name in seldom.items() if not any(row.get(name) for row in rows)}
        runs_table = {heading: cell for heading, cell in _RUNS_TABLE.items() if heading not in idle}
        write_rows(rows, output_format, several | (runs_table if run is None else ids | _RUN_TABLE))
    if not rows:
        click.echo(
            "There are no runs." if run is None else f"There is no run {run} in the replay topic.", err=True
        )
    if run is not None and not rows:
        raise click.exceptions.Exit(exit_codes.FINDINGS)


def _rows(found: Sequence[tuple[str, Runs]], run_id: str | None) -> Sequence[Row]:
    if run_id is None:
        rows = [known.row(account, run) for account, known in found for run in known.newest_first()]
        return sorted(rows, key=lambda row: str(row["at"]), reverse=True)
    return [
        row
        for account, known in found
        for run in known.newest_first()
        if run.id == run_id
        for row in known.rows_of(account, run)
    ]


async def _read(kafka: KafkaSettings, names: TopicNames) -> Runs:
    found = Runs()
    async for records in read_to_end(kafka, names.replay_topic, within_seconds=WITHIN_SECONDS):
        found.add_replays(records)
    async for records in read_to_end(kafka, names.outcomes_topic, within_seconds=WITHIN_SECONDS):
        found.add_outcomes(records)
    return found


_RUNS_TABLE = {
    "RUN": lambda row: row["run"],
    "SENT": lambda row: str(row["replayed"]),
    "APPLIED": lambda row: str(row["applied"]),
    "SUPERSEDED": lambda row: str(row["superseded"]),
    "NOT TAKEN": lambda row: str(row["not_taken"]),
    "FAILED": lambda row: str(row["failed"]),
    "WAIT": lambda row: str(row["waiting"]),
    "BY": lambda row: row["by"],
    "REASON": lambda row: row["reason"] or "-",
}
_RUN_TABLE = {
    "CAME TO": lambda row: row["end"].replace("_", " "),
    "WHY": lambda row: row["class"] or (f"run {row['first_run']} was first" if row["first_run"] else "-"),
    "SESSION": lambda row: (row["session"] or "-").rpartition("/")[2],
    "EVENT": lambda row: row["event_id"] or "-",
}

"""`session-consumer event publish`."""

import asyncio
import os
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

import click

from consumer.cli import exit_codes
from consumer.cli.accounts import the_account_option
from consumer.cli.event_files import Checked, Summary, check_files, counted, place, write_findings
from consumer.cli.failures import exit_codes_from_errors
from consumer.cli.rows import Row, output_option, write_rows
from consumer.events.binary import Envelope, Message, to_message
from consumer.kafka.publisher import NotSent, Sent, publish
from consumer.settings import TopicSettings, load_topic_settings
from consumer.telemetry import configure_logging
from schemas.fields import MAX_ATTRIBUTE_BYTES

DEFAULT_SOURCE = "urn:session-consumer:event-publish"

files_argument = click.argument("files", metavar="FILE...|-", nargs=-1, required=True)
time_zone_option = click.option(
    "--time-zone",
    metavar="NAME",
    help="The portal's zone, such as Asia/Kolkata [default: the account's].",
)


def _source(_: click.Context, __: click.Parameter, source: str) -> str:
    if not source or not source.isprintable() or len(source.encode()) > MAX_ATTRIBUTE_BYTES:
        raise click.BadParameter(f"must be 1 to {MAX_ATTRIBUTE_BYTES:,} bytes of printable text.")
    return source


@click.command("publish")
@files_argument
@time_zone_option
@the_account_option
@click.option(
    "--source",
    default=DEFAULT_SOURCE,
    show_default=True,
    callback=_source,
    help="Who publishes, for events of bare data.",
)
@click.option("--no-validate", "sends_all", is_flag=True, help="Send what is there, valid or not.")
@output_option
def publish_command(
    *,
    files: tuple[str, ...],
    time_zone: str | None,
    account: str | None,
    source: str,
    sends_all: bool,
    output_format: str,
) -> None:
    """Check events, then publish them to the source topic.

    FILE is as for validate. Events go out in binary mode, keyed by session id; bare data gets a new id,
    --source and the present time. Where one event is invalid, none is sent.

    Exit codes: 0 all sent, 1 invalid or not sent, 2 usage or settings, 3 Kafka can't be reached,
    4 refused.
    """
    configure_logging("console", "error")
    with exit_codes_from_errors():
        settings = load_topic_settings(os.environ, account, one=True)
        for warning in settings.warnings:
            click.echo(f"Warning: {warning}", err=True)
        found, event_settings = check_files(files, time_zone, account)
        summary = Summary()
        checked = list(summary.counting(found))
        if not sends_all and summary.bad:
            write_findings(checked, "table")
            summary.tell(files)
            click.echo("Nothing was published. Mend the events, or send them with --no-validate.", err=True)
            raise click.exceptions.Exit(exit_codes.FINDINGS)
        messages = [
            to_message(each.document.raw, each.form, _envelope(source), event_settings.max_event_bytes)
            for each in checked
        ]
        topic = settings.accounts[0].source_topic
        results = _publish(settings, topic, messages)
    write_rows(_rows(topic, messages, results), output_format, _TABLE)
    failed = _say_failed(checked, results)
    rest = f", {failed:,} not" if failed else ""
    click.echo(f"{counted(len(results) - failed, 'event')} published to {topic}{rest}.", err=True)
    if failed:
        raise click.exceptions.Exit(exit_codes.FINDINGS)


def _envelope(source: str) -> Envelope:
    return Envelope(str(uuid.uuid4()), source, datetime.now(UTC).isoformat())


def _publish(settings: TopicSettings, topic: str, messages: Sequence[Message]) -> list[Sent | NotSent]:
    if not messages:
        return []
    return asyncio.run(publish(settings.kafka, topic, messages))


def _say_failed(checked: Sequence[Checked], results: Sequence[Sent | NotSent]) -> int:
    failed = [
        (each, result) for each, result in zip(checked, results, strict=True) if isinstance(result, NotSent)
    ]
    for each, result in failed:
        click.echo(f"{place(each, each.document.line)} not sent: {result.reason}", err=True)
    return len(failed)


def _rows(topic: str, messages: Sequence[Message], results: Sequence[Sent | NotSent]) -> list[Row]:
    return [
        {
            "topic": topic,
            "partition": result.partition,
            "offset": result.offset,
            "key": _text(message.key),
            "event_id": _text(dict(message.headers).get("ce_id")),
        }
        for message, result in zip(messages, results, strict=True)
        if isinstance(result, Sent)
    ]


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else raw.decode(errors="replace")


_TABLE = {
    "PARTITION": lambda row: str(row["partition"]),
    "OFFSET": lambda row: str(row["offset"]),
    "SESSION": lambda row: row["key"] or "-",
    "EVENT": lambda row: row["event_id"] or "-",
}

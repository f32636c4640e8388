"""Reading the files named on the command line, and the documents in them by the consumer's rules."""

import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import click

from consumer.cli.rows import write_rows
from consumer.events.documents import (
    Document,
    Finding,
    Form,
    findings_in,
    form_of,
    read_document,
    split_documents,
)
from consumer.events.model import EventRules, OtherType, Reading, Refusal
from consumer.events.zones import UnknownZoneError, load_zone
from consumer.settings import EventSettings, load_event_settings

MAX_FILE_BYTES = 256 * 1024 * 1024
_UNCHECKED = (
    "Note: without the portal's time zone the rules of the mapping were not checked (one date, end after "
    "start, whole minutes, size). Give --time-zone, or set CONSUMER_ZOHO_TIME_ZONE."
)


@dataclass(frozen=True, slots=True)
class Checked:
    """One document with what the consumer would say of it."""

    file: str
    document: Document
    form: Form
    reading: Reading
    findings: tuple[Finding, ...]

    @property
    def error_class(self) -> str | None:
        """As a dead letter of it would say; None where there would be none."""
        return self.reading.error_class.value if isinstance(self.reading, Refusal) else None


def check_files(
    files: Sequence[str], time_zone: str | None, account: str | None
) -> tuple[Iterator[Checked], EventSettings]:
    """Every document of the files, by that account's rules; SettingsError, or click's for files and options.

    `account` None: the only one there is. Where no zone is known, says so once on stderr and
    leaves the mapping's rules out. The documents are read as they are asked for.
    """
    settings = load_event_settings(os.environ, account)
    zone_name = time_zone or settings.zoho_time_zone
    try:
        zone = load_zone(zone_name or "UTC")
    except UnknownZoneError as error:
        raise click.BadParameter(str(error), param_hint="--time-zone") from error
    rules = event_rules(settings, zone)
    for file in files:
        with _opened(file):
            pass  # what is misspelt is said before anything else
    if zone_name is None:
        click.echo(_UNCHECKED, err=True)
    maps = zone_name is not None
    return (each for file in files for each in _check_file(file, rules, maps=maps)), settings


def event_rules(settings: EventSettings, zone: ZoneInfo) -> EventRules:
    """What decides whether an event is good."""
    return EventRules(
        zone=zone,
        input_style=settings.zoho_input,
        base_path=urlsplit(settings.zoho_people_url).path,
        max_event_bytes=settings.max_event_bytes,
        max_clock_skew_seconds=settings.max_clock_skew_seconds,
        skip_other_types=settings.other_event_types == "skip",
    )


def write_findings(checked: Iterable[Checked], output_format: str) -> None:
    """All problems on stdout: lines of `FILE:LINE /pointer problem`, or rows of the format asked for.

    As they are found, but for JSON.
    """
    found = ((each, finding) for each in checked for finding in each.findings)
    if output_format == "table":
        # Never cut: these lines are what was asked for.
        for each, finding in found:
            click.echo(f"{place(each, finding.line)} {f'{finding.pointer} {finding.problem}'.lstrip()}")
        return
    rows = (
        {
            "file": each.file,
            "line": finding.line,
            "pointer": finding.pointer,
            "problem": finding.problem,
            "error_class": each.error_class,
        }
        for each, finding in found
    )
    write_rows(rows, output_format, {})


@dataclass(slots=True)
class Summary:
    """How many documents there were, how many of them are bad, and how many the consumer skips."""

    documents: int = 0
    bad: int = 0
    others: int = 0

    def counting(self, checked: Iterable[Checked]) -> Iterator[Checked]:
        """The same documents, counted as they pass."""
        for each in checked:
            self.documents += 1
            self.bad += bool(each.findings)
            self.others += isinstance(each.reading, OtherType)
            yield each

    def tell(self, files: Sequence[str]) -> None:
        """On stderr: how many of how many are good."""
        parts = [f"{self.documents - self.bad - self.others:,} valid"]
        parts += [f"{self.bad:,} with problems"] * bool(self.bad)
        parts += [f"{self.others:,} of another type, which the consumer passes over"] * bool(self.others)
        where = "" if len(files) == 1 else f" in {len(files)} files"
        click.echo(f"{counted(self.documents, 'event')}{where}: {', '.join(parts)}.", err=True)


def place(checked: Checked, line: int) -> str:
    """`FILE:LINE`."""
    return f"{click.format_filename(checked.file)}:{line}"


def counted(count: int, noun: str) -> str:
    """ "1 event", "2 events"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _check_file(file: str, rules: EventRules, *, maps: bool) -> Iterator[Checked]:
    now_seconds = time.time()
    for document in split_documents(read_file(file)):
        form = form_of(document.raw, rules.max_event_bytes)
        reading = read_document(document, form, rules, now_seconds, maps=maps)
        findings = findings_in(document, form, reading, rules.max_event_bytes)
        yield Checked(file, document, form, reading, findings)


def read_file(file: str) -> bytes:
    """All of it, or of standard input for "-"; BadParameter where it can't be read or is far too large."""
    with _opened(file) as opened:
        raw = opened.read(MAX_FILE_BYTES + 1)
    if len(raw) > MAX_FILE_BYTES:
        raise click.BadParameter(f"{click.format_filename(file)} is larger than 256 MiB; split it.")
    return raw


@contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    """The file, or standard input for "-"; BadParameter where it can't be opened or read."""
    try:
        if file == "-":
            yield sys.stdin.buffer
        else:
            with Path(file).open("rb") as opened:
                yield opened
    except OSError as error:
        raise click.BadParameter(f"{click.format_filename(file)}: {error.strerror}.") from error

"""What `dlq replay` is given: who, why, and mended events."""

import hashlib
import os
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import click

from consumer.cli import exit_codes
from consumer.cli.event_files import event_rules, read_file
from consumer.delivery.newness import Version
from consumer.dlq.files import Exported, FilesError, read_directory
from consumer.dlq.letter import Letter
from consumer.dlq.mending import Bad, describe, is_same, mend
from consumer.dlq.reading import read_records
from consumer.dlq.run import Mended
from consumer.events.model import EventRules
from consumer.events.zones import load_zone
from consumer.kafka.connection import KafkaUnreachableError
from consumer.settings import ReplaySettings, load_event_settings

_LETTERS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
# Mended values are held in memory until they are sent.
_MAX_MENDED_BYTES: Final = 64 * 1024 * 1024

MendedEvents = Mapping[str, tuple[Mended, Version]]


def new_run_id(now: datetime) -> str:
    """Short, and in the order of time: `20261121-090000-k3f9`."""
    return f"{now:%Y%m%d-%H%M%S}-{''.join(secrets.choice(_LETTERS) for _ in range(4))}"


@dataclass(frozen=True, slots=True)
class Directory:
    """What `--from` holds: each dead letter's id with its value's digest, and a digest of it all."""

    path: Path
    values: Mapping[str, bytes]
    digest: str


def read_ids(path: Path) -> Directory:
    """The dead letters of an export; BadParameter where it can't be read or has none."""
    whole = hashlib.sha256()
    values: dict[str, bytes] = {}
    with _told():
        for exported in read_directory(path):
            values[exported.id] = _digest(exported.value)
    for dead_letter_id, digest in sorted(values.items()):
        whole.update(dead_letter_id.encode(errors="replace") + b"\0" + digest)
    if not values:
        raise _bad_directory(f"{path} holds no dead letters.")
    return Directory(path, values, whole.hexdigest())


@dataclass(frozen=True, slots=True)
class Mending:
    """Finds what goes with another value. All of it is good, or every problem is told and nothing is sent.

    Its methods raise Exit (1) for events that are not good, BadParameter for files, and as `read_records`.
    """

    settings: ReplaySettings
    letters: Sequence[Letter]
    force: bool

    async def from_file(self, file: str) -> MendedEvents:
        """The event of `--value` for the one dead letter that was found; none where none was."""
        raw = read_file(file)
        return await self._mended({letter.id: (file, raw) for letter in self.letters})

    async def from_directory(self, directory: Directory) -> MendedEvents:
        """The events that differ from their dead letters'."""
        differ: set[str] = set()
        by_place = {(letter.partition, letter.offset): letter.id for letter in self.letters}
        async for record in read_records(self.settings.kafka, self._topic, by_place):
            dead_letter_id = by_place[record.partition, record.offset]
            if _digest(record.value) != directory.values[dead_letter_id]:
                differ.add(dead_letter_id)
        found: dict[str, tuple[str, bytes]] = {}
        for exported in _again(directory.path):
            if exported.id in differ:
                if exported.value is None:
                    raise _bad_directory(f"{exported.id} has no value any more: a mended one is an event.")
                found[exported.id] = (exported.id, exported.value)
        if sum(len(raw) for _, raw in found.values()) > _MAX_MENDED_BYTES:
            raise _bad_directory("more than 64 MiB of it is mended; replay it in parts.")
        return await self._mended(found)

    @property
    def _topic(self) -> str:
        return self.settings.account.dead_letter_topic

    async def _mended(self, files: Mapping[str, tuple[str, bytes]]) -> MendedEvents:
        """`files`: by dead letter, a name for its problems and the bytes."""
        if not files:
            return {}
        rules = _rules(self.settings.account.name)
        wanted = {(each.partition, each.offset): each for each in self.letters if each.id in files}
        found: dict[str, tuple[Mended, Version]] = {}
        problems: list[str] = []
        seen = 0
        async for record in read_records(self.settings.kafka, self._topic, wanted):
            letter = wanted[record.partition, record.offset]
            name, raw = files[letter.id]
            seen += 1
            if is_same(record, raw):
                continue
            result = mend(letter, record, raw, rules, time.time(), force=self.force)
            if isinstance(result, Bad):
                problems += describe(click.format_filename(name), result.findings)
            else:
                found[letter.id] = (result.mended, result.version)
        if seen < len(wanted):
            raise KafkaUnreachableError("Retention took dead letters while they were read; try again.")
        if problems:
            for problem in problems:
                click.echo(problem)
            click.echo("Nothing was sent. Mend the events.", err=True)
            raise click.exceptions.Exit(exit_codes.FINDINGS)
        return found


def _bad_directory(problem: str) -> click.BadParameter:
    return click.BadParameter(problem, param_hint="--from")


def _rules(account: str) -> EventRules:
    settings = load_event_settings(os.environ, account)
    if settings.zoho_time_zone is None:
        raise click.UsageError(
            "CONSUMER_ZOHO_TIME_ZONE is missing: without the portal's zone a mended event can't be checked."
        )
    return event_rules(settings, load_zone(settings.zoho_time_zone))


def _again(path: Path) -> Iterator[Exported]:
    with _told():
        yield from read_directory(path)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except FilesError as exc:
        raise _bad_directory(str(exc)) from exc


def _digest(value: bytes | None) -> bytes:
    return b"" if value is None else hashlib.sha256(value).digest()

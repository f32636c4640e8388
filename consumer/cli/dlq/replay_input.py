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
from typing import Final, NamedTuple

import click

from consumer.cli import exit_codes
from consumer.cli.event_files import event_rules, read_file
from consumer.delivery.replay import original_headers
from consumer.dlq.files import Exported, FilesError, folder_name, read_directory
from consumer.dlq.letter import Letter
from consumer.dlq.mending import Bad, Good, describe, is_same, mend
from consumer.dlq.reading import read_records
from consumer.events.model import EventRules
from consumer.events.zones import load_zone
from consumer.kafka.connection import KafkaUnreachableError
from consumer.records import Record
from consumer.settings import ReplaySettings, load_event_settings

_LETTERS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
# Mended values are held in memory until they are sent.
_MAX_MENDED_BYTES: Final = 64 * 1024 * 1024

MendedEvents = Mapping[str, Good]


def new_run_id(now: datetime) -> str:
    """Short, and in the order of time: `20261121-090000-k3f9`."""
    return f"{now:%Y%m%d-%H%M%S}-{''.join(secrets.choice(_LETTERS) for _ in range(4))}"


class Digests(NamedTuple):
    """Of a record's contents. `headers`: without ours, which are not sent, and another copy has others."""

    key: bytes
    value: bytes
    headers: bytes


@dataclass(frozen=True, slots=True)
class Directory:
    """What `--from` holds: each dead letter's id with its contents' digests, and a digest of it all."""

    path: Path
    contents: Mapping[str, Digests]
    digest: str


def read_ids(path: Path) -> Directory:
    """The dead letters of an export; BadParameter where it can't be read or has none."""
    whole = hashlib.sha256()
    contents: dict[str, Digests] = {}
    with _told():
        for exported in read_directory(path):
            contents[exported.id] = _digests(exported)
    for dead_letter_id, digests in sorted(contents.items()):
        whole.update(b"\0".join((dead_letter_id.encode(errors="replace"), *digests)))
    if not contents:
        raise _bad_directory(f"{path} holds no dead letters.")
    return Directory(path, contents, whole.hexdigest())


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
        """The events that differ from their dead letters'. Nothing else may: it would not be sent."""
        differ: set[str] = set()
        problems: list[str] = []
        by_place = {(letter.partition, letter.offset): letter.id for letter in self.letters}
        async for record in read_records(self.settings.kafka, self._topic, by_place):
            dead_letter_id = by_place[record.partition, record.offset]
            was, now = _digests(record), directory.contents[dead_letter_id]
            if was.value != now.value:
                differ.add(dead_letter_id)
            folder = directory.path / "letters" / folder_name(dead_letter_id)
            if was.key != now.key:
                problems.append(_not_to_be_mended(dead_letter_id, folder / "key"))
            if was.headers != now.headers:
                problems.append(
                    f"{_not_to_be_mended(dead_letter_id, folder / 'headers.json')} Where a binary event's "
                    "headers are broken, make `value` the whole event, in structured mode."
                )
        _refuse(problems)
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
        found: dict[str, Good] = {}
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
                found[letter.id] = result
        if seen < len(wanted):
            raise KafkaUnreachableError("Retention took dead letters while they were read; try again.")
        _refuse(problems)
        return found


def _refuse(problems: Sequence[str]) -> None:
    """Ends the command where there are any."""
    if problems:
        for problem in problems:
            click.echo(problem)
        click.echo("Nothing was sent. Mend the events.", err=True)
        raise click.exceptions.Exit(exit_codes.FINDINGS)


def _not_to_be_mended(dead_letter_id: str, file: Path) -> str:
    return (
        f"{dead_letter_id}: {click.format_filename(file)} is not as its dead letter has it, and would not be "
        "sent: only `value` can be mended. Put the file back as it was, or export it again."
    )


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


def _digests(found: Exported | Record) -> Digests:
    headers = repr(original_headers(found.headers)).encode(errors="replace")
    return Digests(_digest(found.key), _digest(found.value), _digest(headers))


def _digest(raw: bytes | None) -> bytes:
    return bytes(32) if raw is None else hashlib.sha256(raw).digest()

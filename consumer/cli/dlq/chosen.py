"""The dead letters that `dlq discard` and `dlq export` were asked for, by id or by what they are."""

import asyncio
import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

import click

from consumer.cli.dlq.reading import read_registers, tell_oddities
from consumer.cli.progress import Progress
from consumer.dlq.letter import Letter
from consumer.dlq.register import Standing
from consumer.dlq.selection import Selection
from consumer.kafka.publisher import missing_topic
from consumer.settings import TopicNames, TopicSettings

_SHORT_ID = re.compile(r"[0-9]{1,10}:[0-9]{1,20}")


class Chosen(NamedTuple):
    """A dead letter, and whose it is."""

    names: TopicNames
    letter: Letter
    standing: Standing


def full_ids(ids: Sequence[str], settings: TopicSettings) -> tuple[str, ...]:
    """Ids as dead letters bear them; PARTITION:OFFSET alone is of the one account's source topic."""
    if len(settings.accounts) > 1 and any(map(_SHORT_ID.fullmatch, ids)):
        raise click.UsageError("There are several accounts: give TOPIC:PARTITION:OFFSET, or --account.")
    topic = settings.accounts[0].source_topic
    return tuple(dict.fromkeys(f"{topic}:{each}" if _SHORT_ID.fullmatch(each) else each for each in ids))


def read_chosen(
    settings: TopicSettings, selection: Selection, *, needs_replays: bool = False
) -> list[Chosen]:
    """All that fit, in reading order of each account's topic; raises as `consumer.dlq.reading`.

    `needs_replays`: a missing replay topic is an error too, and not only told.
    """
    registers = asyncio.run(read_registers(settings, selection, Progress()))
    for names, register in zip(settings.accounts, registers, strict=True):
        if needs_replays and register.without_replays:
            raise missing_topic(names.replay_topic)
    tell_oddities(settings, registers)
    return [
        Chosen(names, letter, standing)
        for names, register in zip(settings.accounts, registers, strict=True)
        for letter in register
        if selection.wants_standing(standing := register.standing(letter))
    ]


def tell_unknown(ids: Sequence[str], found: Collection[Chosen], *, filtered: bool) -> int:
    """Say which ids were not found, and give how many."""
    there = {each.letter.id for each in found}
    unknown = [each for each in ids if each not in there]
    for each in unknown:
        rest = ", or it does not fit the filters" if filtered else ""
        click.echo(f"{each}: there is no such dead letter{rest}.", err=True)
    return len(unknown)


def counted(number: int) -> str:
    """`1 dead letter`, `1,200 dead letters`."""
    return "1 dead letter" if number == 1 else f"{number:,} dead letters"

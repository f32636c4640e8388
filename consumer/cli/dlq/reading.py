"""What `dlq list` and `dlq stats` have in common: the accounts' registers, read with a word about it."""

import asyncio
import gc
import logging
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import click

from consumer.cli.progress import Progress
from consumer.dlq.letter import Letter
from consumer.dlq.reading import read_letters, read_newest, read_standings, together
from consumer.dlq.register import Register, Standing
from consumer.dlq.selection import Selection
from consumer.settings import TopicNames, TopicSettings, load_topic_settings

# Each reads with clients of its own.
ACCOUNTS_AT_ONCE = 8


class Found(NamedTuple):
    """A dead letter that is wanted, and where it stands."""

    letter: Letter
    standing: Standing


def load_accounts(account: str | None) -> TopicSettings:
    """The topics of all accounts, or of the one that is named; warnings go to stderr."""
    # Its errors are raised, and told once. All of our logging would take a fifth of a second to import.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    settings = load_topic_settings(os.environ, account)
    for warning in settings.warnings:
        click.echo(f"Warning: {warning}", err=True)
    return settings


async def read_registers(settings: TopicSettings, selection: Selection, progress: Progress) -> list[Register]:
    """A register for each account, of those that are wanted but for their state; errors as `reading`."""
    registers = [Register(selection.wants) for _ in settings.accounts]

    async def read(names: TopicNames, register: Register) -> None:
        async for _ in read_letters(settings.kafka, names, register):
            progress.tell(f"Reading: {sum(map(len, registers)):,} dead letters…")
        if len(register):
            progress.tell(f"Reading how {sum(map(len, registers)):,} dead letters stand…", is_new=True)
            await read_standings(settings.kafka, names, register)

    try:
        with collecting_seldom():
            await _for_each_account(settings, registers, read)
    finally:
        progress.clear()
    return registers


async def read_newest_registers(settings: TopicSettings, selection: Selection, count: int) -> list[Register]:
    """The same of the last `count` records of each partition; how they stand is not read."""
    registers = [Register(selection.wants) for _ in settings.accounts]

    async def read(names: TopicNames, register: Register) -> None:
        await read_newest(settings.kafka, names, register, count)

    await _for_each_account(settings, registers, read)
    return registers


async def read_all_standings(settings: TopicSettings, registers: Sequence[Register]) -> None:
    """How those stand that the registers have."""

    async def read(names: TopicNames, register: Register) -> None:
        if len(register):
            await read_standings(settings.kafka, names, register)

    await _for_each_account(settings, registers, read)


async def _for_each_account(
    settings: TopicSettings,
    registers: Sequence[Register],
    read: Callable[[TopicNames, Register], Awaitable[None]],
) -> None:
    at_once = asyncio.Semaphore(ACCOUNTS_AT_ONCE)

    async def one(names: TopicNames, register: Register) -> None:
        async with at_once:
            await read(names, register)

    await together(*map(one, settings.accounts, registers))


@contextmanager
def collecting_seldom() -> Iterator[None]:
    """What is read stays: Python's search for garbage in it, again and again, takes a third of the time."""
    before = gc.get_threshold()
    gc.set_threshold(200_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def wanted(registers: Sequence[Register], selection: Selection) -> Iterator[Found]:
    """Those whose state is wanted too."""
    for register in registers:
        for letter in register:
            standing = register.standing(letter)
            if selection.wants_standing(standing):
                yield Found(letter, standing)


def tell_oddities(settings: TopicSettings, registers: Sequence[Register]) -> None:
    """Say what stands in the topics and is no dead letter of ours, and where there is no replay topic."""
    for names, register in zip(settings.accounts, registers, strict=True):
        if register.without_replays:
            click.echo(
                f"Warning: topic {names.replay_topic} does not exist: nothing can be replayed before "
                "`session-consumer topics create`.",
                err=True,
            )
        if register.foreign:
            records = "1 record" if register.foreign == 1 else f"{register.foreign:,} records"
            click.echo(
                f"Passed over {records} of {names.dead_letter_topic}: no dead letters of ours.", err=True
            )

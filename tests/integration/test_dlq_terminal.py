"""`dlq list` on a terminal: rows at once, their states once they are known."""

import asyncio
import os
import re

from tests.fakes.dlq_topics import Failed
from tests.integration.conftest import MakeTopics
from tests.integration.dlq_scene import filled, settings, write
from tests.kafka_broker.under_test import KafkaUnderTest
from tests.process import RUN
from tests.screen import COLUMNS, at_terminal

LINES = 10


def on_terminal(env: dict[str, str], *arguments: str) -> str:
    """All that the command writes to a terminal of 10 lines; no progress, for that depends on the time."""
    command = [RUN[0], "dlq", *arguments]
    shown = at_terminal(command, {**os.environ, **env, "NO_COLOR": "1"}, rows=LINES)
    assert shown.exit_code == 0, shown.text
    return shown.raw.decode().replace("\r\n", "\n")


async def test_states_are_written_over_the_first_rows(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """A page of them, as many lines up as were written, no wider than the terminal; no colour."""
    made = await filled(kafka, await topics())
    await write(kafka, made.dead_letters, [Failed(minute=60 + n, number=9 + n).letter() for n in range(8)])
    env = {**settings(kafka, made), "TERM": "xterm"}

    text = await asyncio.to_thread(on_terminal, env, "list")

    first, up, last = re.split(r"\x1b\[(\d+)A\r\x1b\[J", text)
    assert int(up) == len(first.splitlines()) == 1 + LINES - 4
    assert ["…"] * (LINES - 4) == [line.split()[2] for line in first.splitlines()[1:]]
    shown = [line.split()[2] for line in last.splitlines()[1:14]]
    assert ["open"] * 8 + ["replaying", "discarded", "superseded", "open", "open"] == shown
    assert all(len(line) <= COLUMNS for line in text.splitlines() if "\x1b" not in line)
    assert "\x1b" not in first + last


async def test_nothing_is_written_over_where_it_can_not_be(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """On a terminal that knows no cursor, and where the state is what is asked for."""
    made = await filled(kafka, await topics())
    env = settings(kafka, made)

    for term, arguments in (("dumb", ("list",)), ("xterm", ("list", "--state", "open"))):
        text = await asyncio.to_thread(on_terminal, {**env, "TERM": term}, *arguments)
        assert "\x1b" not in text
        assert "…" not in text.split("\n")[1]

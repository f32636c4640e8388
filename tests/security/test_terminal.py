"""What reaches an operator's terminal or log, whatever others wrote: claims of docs/security.md."""

import asyncio
import json
import os
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace

import pytest
from pydantic import ValidationError

from consumer.telemetry.lines import MAX_LINE_BYTES, console_line, describe_exception, json_line
from schemas import dead_letter as names
from schemas.event import SessionChangedEvent
from tests.fakes.dlq_topics import Failed
from tests.integration.conftest import MakeTopics
from tests.integration.dlq_scene import settings, write
from tests.kafka_broker.traffic import Outgoing, publish
from tests.kafka_broker.under_test import KafkaUnderTest
from tests.process import RUN
from tests.screen import at_terminal
from tests.security import hostile

# What the commands send to a terminal of their own accord: to rub out progress, and to write rows anew.
_OURS = re.compile(rb"\x1b\[[0-9]*[AKJ]|\x1b\[\?25[hl]")
EVIL = Failed(minute=71, number=8)


def evil_letter() -> Sequence[tuple[str, bytes | None]]:
    """Every text of ours that a record can bear says what a terminal would obey."""
    texts = (
        *(names.ERRORS_MESSAGE, names.ERROR_CLASS, names.ZOHO_CODE, names.ZOHO_MESSAGE, names.SESSION),
        *(names.EVENT_ID, names.EVENT_SOURCE, names.EVENT_TIME, names.ACCOUNT, names.REPLAY_RUN_ID),
    )
    odd = hostile.TERMINAL.encode()
    details = json.dumps([{"pointer": f"/data/{hostile.TERMINAL}", "problem": hostile.TERMINAL}]).encode()
    changed = dict.fromkeys(texts, odd) | {names.ERROR_DETAILS: details}
    return [(name, changed.get(name, value)) for name, value in EVIL.letter(replayed=1).headers]


@pytest.mark.claim("S-50")
async def test_nothing_that_others_wrote_is_obeyed_by_a_terminal(
    kafka: KafkaUnderTest, topics: MakeTopics
) -> None:
    """No escape, control or turning character; in tables, in `show`, in CSV, in `runs`, in `status`."""
    made = await topics()
    letter = EVIL.letter()
    broken = Failed(minute=72, number=9)
    value = json.dumps({hostile.TERMINAL: hostile.TERMINAL, "data": {"x": hostile.TERMINAL}}).encode()
    await write(
        kafka,
        made.dead_letters,
        [
            replace(letter, headers=tuple(evil_letter()), value=value, key=hostile.TERMINAL.encode()),
            replace(broken.letter(), value=hostile.TERMINAL.encode()),
        ],
    )
    replay = EVIL.replay()
    own = (names.REPLAY_BY, names.REPLAY_REASON, names.REPLAY_AT)
    headers = [(name, hostile.TERMINAL.encode() if name in own else raw) for name, raw in replay.headers]
    await write(kafka, made.replay, [replace(replay, headers=tuple(headers))])
    said = json.loads(EVIL.outcome("stale").value or b"")
    said["event"] |= {"id": "\u202eevil\u2028", "source": "\u2066evil\ufeff"}
    state = json.loads(EVIL.state("discarded").value or b"") | {
        "by": hostile.TERMINAL,
        "reason": hostile.TERMINAL,
    }
    outcomes = [(str(EVIL.session).encode(), said), (f"dead-letter/{EVIL.id}".encode(), state)]
    await publish(
        kafka.bootstrap, made.outcomes, [Outgoing(json.dumps(each).encode(), key) for key, each in outcomes]
    )
    env = {**os.environ, **settings(kafka, made), "NO_COLOR": "1"}

    shown = b""
    for arguments in (
        ("dlq", "list"),
        ("dlq", "list", "-o", "csv"),
        ("dlq", "list", "-o", "json"),
        ("dlq", "stats"),
        ("dlq", "runs"),
        ("dlq", "runs", "run-1"),
        ("dlq", "show", EVIL.id),
        ("dlq", "show", broken.id),
        ("dlq", "show", EVIL.id, "-o", "json"),
        ("status", "--session", str(EVIL.session)),
    ):
        screen = await asyncio.to_thread(at_terminal, [RUN[0], *arguments], env)
        assert screen.exit_code == 0, screen.text
        shown += screen.raw

    text = _OURS.sub(b"", shown).decode()
    assert set() == {
        each for each in text if unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    } - {"\r", "\n"}
    assert "fake line" not in {line.strip() for line in text.splitlines()}


@pytest.mark.claim("S-51")
@pytest.mark.parametrize(
    "text", [*hostile.ODD_TEXTS, *(chr(code) for code in (*range(32), 127, *range(128, 160)))]
)
def test_a_log_entry_is_one_printable_line(text: str) -> None:
    """As JSON and for people: no line break, no escape, nothing that turns the writing round."""
    for write_line in (json_line, console_line):
        line = write_line(None, "info", {"event": text, text: text, "value": [text, {text: text}]})
        assert line.isprintable()
        assert len(line.encode()) <= MAX_LINE_BYTES


@pytest.mark.claim("S-52")
def test_an_exception_says_its_kind_and_not_what_it_holds() -> None:
    """Of pydantic, of JSON, of a lookup, of sockets, however deep their causes go."""
    secret = "PLANTED-e7c1"
    try:
        try:
            try:
                json.loads(f'"{secret}')
            except ValueError as exc:
                raise KeyError(secret) from exc
        except KeyError as exc:
            SessionChangedEvent.model_validate({"id": secret, secret: str(exc)})
    except ValidationError as exc:
        described = describe_exception(ExceptionGroup(secret, [exc, OSError(5, "I/O", secret)]))

    assert "ValidationError" in described
    assert secret not in described

"""`dlq show`, on the topics of a real Kafka."""

import json
import re
from dataclasses import replace

from schemas.error_class import ErrorClass
from tests.fakes.dlq_topics import SOURCE, Failed
from tests.integration.conftest import MakeTopics
from tests.integration.dlq_scene import FIELDS, INVALID, OVERTAKEN, REPLAYED, dlq, filled, settings, write
from tests.kafka_broker.under_test import KafkaUnderTest


async def test_all_of_one_dead_letter_is_shown(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """What happened to it, oldest first; its event, what Zoho would get, and its session since."""
    made = await filled(kafka, await topics())
    env = settings(kafka, made)
    again = Failed(minute=58, number=4, error_class=ErrorClass.SESSION_NOT_FOUND)
    failed_again = replace(REPLAYED, error_class=ErrorClass.FORBIDDEN_BY_ZOHO).letter(replayed=1)
    await write(kafka, made.dead_letters, [failed_again, again.letter()])
    await write(
        kafka,
        made.outcomes,
        [REPLAYED.state("open", outcome="dead_lettered"), Failed(5, 4).outcome("applied")],
    )

    found = json.loads((await dlq(env, "show", REPLAYED.id, "-o", "json")).stdout)

    assert FIELDS == list(found)[: len(FIELDS)]
    assert ("forbidden_by_zoho", "open", 1) == (found["class"], found["state"], found["replay_count"])
    happened = [(each["what"], each["replay_count"]) for each in found["history"]]
    assert sorted([("failed", 0), ("failed", 1), ("replayed", 1)]) == sorted(happened)
    assert "ops@example.com" == next(each["by"] for each in found["history"] if each["what"] == "replayed")
    assert ("binary", "e55") == (found["event_mode"], found["event"]["id"])
    assert "10:00 AM" == found["session_data"]["startTime"]
    assert ("portal", "docs/runbook/forbidden-by-zoho.md") == (found["fault"], found["runbook"])
    since = found["session_since"]
    assert ("e5", [again.id]) == (since["applied"]["id"], [each["id"] for each in since["open_dead_letters"]])


async def test_faults_stand_at_their_lines(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """What is missing as well; and the short id is enough."""
    env = settings(kafka, await filled(kafka, await topics()))

    lines = (await dlq(env, "show", "0:20")).stdout.splitlines()

    marked = [number for number, line in enumerate(lines) if line.startswith("> ")]
    shown = [(lines[number].split(":")[0].strip('> "'), lines[number + 1].strip()) for number in marked]
    assert [("trainer", "^ is missing"), ("endsAt", "^ has no offset")] == shown
    assert f"Dead letter {INVALID.id}" == lines[0]
    assert all(len(line) <= 80 for line in lines)


async def test_long_texts_are_cut(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """For people alone."""
    made = await topics()
    await write(kafka, made.dead_letters, [Failed(minute=3, name="Fire drill " * 90).letter()])
    env = settings(kafka, made)

    lines = (await dlq(env, "show", Failed(minute=3).id)).stdout.splitlines()
    whole = json.loads((await dlq(env, "show", Failed(minute=3).id, "-o", "json")).stdout)

    assert [] == [line for line in lines if len(line) > 80]
    assert "  Long lines are cut; -o json has all." in lines
    assert "Fire drill " * 90 == whole["event"]["data"]["session"]["name"]


async def test_what_is_not_found_says_what_is_near(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """With exit code 1; an id that is none is a mistake."""
    env = settings(kafka, await filled(kafka, await topics()))

    result = await dlq(env, "show", f"{SOURCE}:0:21")

    assert (1, "") == (result.exit_code, result.stdout)
    assert f"Near it: {INVALID.id}, {OVERTAKEN.id}." in result.stderr
    assert 2 == (await dlq(env, "show", "yesterday's")).exit_code


async def test_a_value_that_is_no_json_is_excerpted(kafka: KafkaUnderTest, topics: MakeTopics) -> None:
    """Escaped where it is text, else a hexdump, at the place of the fault; in JSON in full."""
    made = await topics()
    broken = [
        replace(Failed(minute, error_class=ErrorClass.EVENT_UNREADABLE).letter(), value=value)
        for minute, value in (
            (1, b'{"a": \x1b[31m'),
            (2, b"\x00" * 300 + b"\xff"),
            (3, None),
            (4, b'{"a":1,"a":2}'),
        )
    ]
    await write(kafka, made.dead_letters, broken)
    env = settings(kafka, made)

    shown = [(await dlq(env, "show", f"0:{minute}")).stdout for minute in (1, 2, 3, 4)]

    assert '| {"a": \\x1b[31m' in shown[0]
    assert re.search(r"\| 00000120  00 00 .* 00 ff", shown[1])
    assert "The record has no value (null)." in shown[2]
    assert "a key is repeated" in shown[3]
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", "".join(shown))
    assert (
        "AAAA" in json.loads((await dlq(env, "show", "0:2", "-o", "json")).stdout)["record"]["value_base64"]
    )

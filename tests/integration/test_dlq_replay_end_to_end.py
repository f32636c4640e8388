"""`dlq replay` with the real consumer and an emulated Zoho: what an operator does at night."""

import asyncio
import json
from collections import Counter
from os import environ
from pathlib import Path

from consumer.emulator.faults import Fault
from consumer.emulator.options import EmulatorOptions, Limits
from consumer.emulator.server import Emulator
from consumer.records import Record
from tests.integration.conftest import MakeConsumer, MakeTopics
from tests.integration.replay_desk import COMMAND, Desk
from tests.integration.scene import (
    COURSE,
    binary,
    data,
    dead_letters,
    finished,
    header,
    names_at_zoho,
    session_id,
    until,
)
from tests.kafka_broker.traffic import Outgoing, publish
from tests.kafka_broker.under_test import KafkaUnderTest
from tests.process import settings_for

QUICK = EmulatorOptions(limits=Limits(30, 3.0, 2.0))


def late(number: int) -> Outgoing:
    """A change of a session that Zoho does not know yet."""
    return binary(data(number, f"late {number}"), f"late-{number}", session_id(number).encode())


async def dead(desk: Desk, count: int) -> list[Record]:
    """So many dead letters, once they are there."""
    found: list[Record] = []

    async def there() -> bool:
        found[:] = await dead_letters(desk.kafka.bootstrap, desk.topics)
        return len(found) >= count

    await until(there)
    return found


async def test_what_zoho_did_not_know_is_replayed_and_applied(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """Twelve dead letters; ten sessions exist then. Exit code 1 for two; the next plan is those two."""
    made = await topics(partitions=2)
    desk = Desk(kafka, made)
    async with Emulator(QUICK) as zoho, consumer_process(settings_for(kafka, made, zoho.url)) as process:
        zoho.add_fault(Fault("not_found", course_id=COURSE))
        await publish(kafka.bootstrap, made.source, [late(number) for number in range(12)])
        await dead(desk, 12)
        zoho.clear_faults()
        for number in (10, 11):
            zoho.add_fault(Fault("not_found", session_id=session_id(number)))

        first = await desk.dlq(
            "replay", "--class", "session_not_found", "--yes", "--url", process.url, "-o", "json"
        )
        second = await desk.dlq("replay", "--class", "session_not_found", "--dry-run", "-o", "json")
        zoho.clear_faults()
        third = await desk.dlq("replay", "--class", "session_not_found", "--yes")
        await process.terminate()

        assert (1, 0) == (first.exit_code, third.exit_code), first.output + third.output
        assert [f"late {number}" for number in range(12)] == names_at_zoho(zoho, 12)
        assert 0 == zoho.audit().locks
    rows = json.loads(first.stdout)
    assert {("applied", None): 10, ("dead_lettered", "session_not_found"): 2} == Counter(
        (row["outcome"], row["class_after"]) for row in rows
    )
    plan = json.loads(second.stdout)
    assert ({"applied": 10}, 2) == (plan["skipped"], plan["replay"])
    assert [(2, 2, 0), (12, 10, 2)] == [
        (run["replayed"], run["applied"], run["failed"]) for run in await desk.rows("runs")
    ]


async def test_a_canary_that_fails_costs_a_call_each_and_no_more(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """The portal is still wrong: two calls, and ten dead letters untouched."""
    made = await topics()
    desk = Desk(kafka, made)
    async with Emulator(QUICK) as zoho, consumer_process(settings_for(kafka, made, zoho.url)) as process:
        zoho.add_fault(Fault("not_found", course_id=COURSE))
        await publish(kafka.bootstrap, made.source, [late(number) for number in range(12)])
        await dead(desk, 12)
        calls = zoho.audit().calls

        result = await desk.dlq("replay", "--state", "open", "--canary", "2", "--yes")
        await process.terminate()

        assert 2 == zoho.audit().calls - calls
    assert 1 == result.exit_code, result.output
    assert "not all were applied; the rest is not sent" in result.stderr
    assert 2 == len(await desk.replays())


async def test_a_mended_event_is_checked_and_then_applied(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer, tmp_path: Path
) -> None:
    """One with a wrong time: refused in the words of its dead letter until it is good; the original stays."""
    made = await topics()
    desk = Desk(kafka, made)
    broken = data(0, "Fire drill", startsAt="tomorrow")
    file = tmp_path / "mended.json"
    async with Emulator(QUICK) as zoho, consumer_process(settings_for(kafka, made, zoho.url)) as process:
        await publish(kafka.bootstrap, made.source, [binary(broken, "broken", session_id(0).encode())])
        [letter] = await dead(desk, 1)
        letter_id = header(letter, "dlq.id") or ""
        file.write_text(json.dumps(data(0, "Fire drill", startsAt="soon"), indent=1))
        refused = await desk.dlq("replay", letter_id, "--value", str(file), "--yes")
        file.write_text(json.dumps(data(1, "Fire drill")))
        other = await desk.dlq("replay", letter_id, "--value", str(file), "--yes")
        file.write_text(json.dumps(data(0, "Fire drill"), indent=1))
        mended = await desk.dlq("replay", letter_id, "--value", str(file), "--yes", "-o", "json")
        await process.terminate()

        assert ["Fire drill"] == names_at_zoho(zoho, 1)
    assert (1, 1, 0) == tuple(each.exit_code for each in (refused, other, mended)), mended.output
    assert " /data/session/startsAt " in refused.stdout
    assert refused.stdout.startswith(f"{file}:")
    assert "it would change another session" in other.stdout
    [row] = json.loads(mended.stdout)
    assert ("event_invalid", "applied") == (row["class_before"], row["outcome"])
    [sent] = await desk.replays()
    assert ("true", file.read_bytes()) == (header(sent, "dlq.replay.mended"), sent.value)
    assert [letter] == await dead_letters(kafka.bootstrap, made)


async def test_a_sender_that_is_killed_is_resumed_and_every_event_is_applied_once(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """SIGKILL in the middle of 300; the consumer works on, `--resume` sends the rest and waits for all."""
    made = await topics(partitions=2)
    desk = Desk(kafka, made)
    async with Emulator(EmulatorOptions(limits=Limits(200, 1.0, 1.0))) as zoho:
        env = settings_for(kafka, made, zoho.url, quota_requests=200, quota_window_seconds=1)
        async with consumer_process(env) as process:
            zoho.add_fault(Fault("not_found", course_id=COURSE))
            await publish(kafka.bootstrap, made.source, [late(number) for number in range(300)])
            await dead(desk, 300)
            zoho.clear_faults()
            calls = zoho.audit().calls
            sender = await asyncio.create_subprocess_exec(
                *COMMAND, "replay", "--state", "open", "--yes", env={**environ, **desk.env}
            )

            async def some_are_sent() -> bool:
                return len(await desk.replays()) > 0

            await until(some_are_sent)
            sender.kill()
            await sender.communicate()
            run_id = (await desk.rows("runs"))[0]["run"]
            resumed = await desk.dlq("replay", "--resume", run_id, "--yes", "-o", "json")
            await finished(process, 600)
            await process.terminate()

            assert 300 == zoho.audit().calls - calls
    assert 0 == resumed.exit_code, resumed.output
    assert {"applied": 300} == Counter(row["outcome"] for row in json.loads(resumed.stdout))
    assert 300 == len(await desk.replays())
    [run] = await desk.rows("runs")
    assert (300, 300) == (run["replayed"], run["applied"])


async def test_two_operators_at_once_cost_one_call_each_event(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """Both are told how all of theirs ended; whose replay was not taken exits 1."""
    made = await topics(partitions=2)
    desk = Desk(kafka, made)
    async with Emulator(QUICK) as zoho, consumer_process(settings_for(kafka, made, zoho.url)) as process:
        zoho.add_fault(Fault("not_found", course_id=COURSE))
        await publish(kafka.bootstrap, made.source, [late(number) for number in range(20)])
        await dead(desk, 20)
        zoho.clear_faults()
        calls = zoho.audit().calls
        both = [
            await asyncio.create_subprocess_exec(
                *(*COMMAND, "replay", "--state", "open", "--yes", "--timeout", "60"),
                env={**environ, **desk.env},
                stderr=asyncio.subprocess.PIPE,
            )
            for _ in range(2)
        ]
        said = [(await sender.communicate())[1] for sender in both]
        await process.terminate()

        assert 20 == zoho.audit().calls - calls
    assert [b" not taken (" in each for each in said] == [sender.returncode == 1 for sender in both], said
    applied = {
        row["id"]
        for run in await desk.rows("runs")
        for row in await desk.rows("runs", run["run"])
        if row["end"] == "applied"
    }
    assert 20 == len(applied)

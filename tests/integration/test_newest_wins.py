"""The newest wins (law 5), through the process: fewer calls, the same end, and a record of every event's."""

import json
import signal
from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any

from consumer.emulator.faults import Fault
from consumer.emulator.options import Catalogue, EmulatorOptions, Limits
from consumer.emulator.server import Emulator
from tests.integration.conftest import MakeConsumer, MakeTopics
from tests.integration.scene import (
    binary,
    changes,
    data,
    finished,
    last_names,
    names_at_zoho,
    session_id,
    until,
)
from tests.kafka_broker.traffic import Outgoing, Topics, publish, read_all
from tests.kafka_broker.under_test import KafkaUnderTest
from tests.process import settings_for

QUICK = EmulatorOptions(limits=Limits(30, 3.0, 2.0))


async def outcomes(kafka: KafkaUnderTest, made: Topics) -> dict[str, dict[str, Any]]:
    """What the outcomes topic says of each event, the last word on each."""
    values = [json.loads(record.value or b"{}") for record in await read_all(kafka.bootstrap, made.outcomes)]
    return {value["event"]["id"]: value for value in values}


def revisions(number: int, wanted: Sequence[int]) -> list[Outgoing]:
    """Changes of one session with these revisions, each named and numbered after it."""
    return [
        binary(data(number, f"r{revision}") | {"revision": revision}, f"{number}-r{revision}")
        for revision in wanted
    ]


async def test_a_burst_is_current_within_a_few_windows_and_costs_a_call_a_session(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """600 changes of 100 sessions, published before the start: one by one they would be 600 calls."""
    made = await topics(partitions=4)
    await publish(kafka.bootstrap, made.source, changes(600, 100, needless=True))
    async with Emulator(QUICK) as zoho, consumer_process(settings_for(kafka, made, zoho.url)) as process:
        await finished(process, 600, 5 * 3 + 10)
        await process.terminate()

        assert (100, 0) == (zoho.audit().calls, zoho.audit().locks)
        assert last_names(600, 100) == names_at_zoho(zoho, 100)
    found = await outcomes(kafka, made)
    assert {"superseded": 500, "applied": 100} == Counter(value["outcome"] for value in found.values())
    assert {"598", "599"} <= {value["by"]["id"] for value in found.values() if value["by"]}


async def test_stale_events_and_copies_cost_no_call_also_after_a_restart(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """The next life reads what was applied before its first call."""
    made = await topics()
    async with Emulator(QUICK) as zoho:
        process = consumer_process(settings_for(kafka, made, zoho.url))
        process.start()
        await process.wait_until_ready()
        await publish(kafka.bootstrap, made.source, revisions(0, [5]))
        await finished(process, 1)
        await process.terminate()
        process.start()
        await process.wait_until_ready()
        await publish(kafka.bootstrap, made.source, revisions(0, [4, 5, 3, 6]))
        await finished(process, 4)
        await process.terminate()

        assert (2, ["r6"]) == (zoho.audit().calls, names_at_zoho(zoho, 1))
    found = await outcomes(kafka, made)
    assert {"0-r4": "stale", "0-r5": "duplicate", "0-r3": "stale", "0-r6": "applied"} == {
        event: value["outcome"] for event, value in found.items()
    }
    assert ["0-r6"] == list({value["applied"]["id"] for event, value in found.items() if event == "0-r6"})


async def test_a_refused_newest_gives_the_next_older_one_its_turn_and_a_404_settles_all(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """Zoho refuses what the newest says of itself, and knows nothing of another session."""
    made = await topics()
    catalogue = Catalogue(
        unknown=frozenset({session_id(1)}),
        batch_dates={"478346000019479115": (date(2026, 11, 1), date(2026, 12, 31))},
    )
    too_late: dict[str, Any] = {
        "startsAt": "2027-05-05T10:00:00+05:30",
        "endsAt": "2027-05-05T11:00:00+05:30",
    }
    refused = binary(data(0, "r3", **too_late) | {"revision": 3}, "0-r3")
    await publish(kafka.bootstrap, made.source, [*revisions(0, [1, 2]), refused, *revisions(1, [1, 2, 3])])
    async with Emulator(EmulatorOptions(limits=Limits(30, 3.0, 2.0), catalogue=catalogue)) as zoho:
        async with consumer_process(settings_for(kafka, made, zoho.url)) as process:
            await finished(process, 6)
            await process.terminate()

        assert (3, ["r2"]) == (zoho.audit().calls, names_at_zoho(zoho, 1))
    found = {event: value["outcome"] for event, value in (await outcomes(kafka, made)).items()}
    assert ["superseded", "applied", "dead_lettered"] == [found[f"0-r{n}"] for n in (1, 2, 3)]
    assert ["dead_lettered"] * 3 == [found[f"1-r{n}"] for n in (1, 2, 3)]


async def test_a_crash_between_a_call_and_its_outcome_costs_one_repeated_call(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """Killed while the answer is on its way: the next life sends it once more, and never an older one."""
    made = await topics()
    async with Emulator(QUICK) as zoho:
        settings = settings_for(
            kafka, made, zoho.url, kafka_session_timeout_seconds=2, zoho_timeout_seconds=1
        )
        process = consumer_process(settings)
        zoho.add_fault(Fault("slow", calls=1, seconds=0.8))
        await publish(kafka.bootstrap, made.source, revisions(0, [1, 2, 3]))
        process.start()
        await process.wait_until_ready()

        async def called() -> bool:
            return zoho.audit().calls == 1

        await until(called)
        process.signal(signal.SIGKILL)
        await process.wait()
        process.start()
        await process.wait_until_ready()
        await finished(process, 3)
        await process.terminate()

        assert (2, ["r3"]) == (zoho.audit().calls, names_at_zoho(zoho, 1))
    found = await outcomes(kafka, made)
    assert ["superseded", "superseded", "applied"] == [found[f"0-r{n}"]["outcome"] for n in (1, 2, 3)]


async def test_with_soonest_the_training_that_starts_next_is_right_first(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """It was published last, behind two windows of others."""
    made = await topics()
    day: dict[str, Any] = {"startsAt": "2030-05-05T10:00:00+05:30", "endsAt": "2030-05-05T11:00:00+05:30"}
    soon: dict[str, Any] = {"startsAt": "2029-05-05T10:00:00+05:30", "endsAt": "2029-05-05T11:00:00+05:30"}
    await publish(
        kafka.bootstrap, made.source, [*changes(60, 60, **day), binary(data(70, "soon", **soon), "soon")]
    )
    async with Emulator(QUICK) as zoho:
        env = settings_for(kafka, made, zoho.url, order="soonest")
        async with consumer_process(env) as process:

            async def right() -> bool:
                session = zoho.session(session_id(70))
                return session is not None and session.fields.get("name") == "soon"

            await until(right)
            assert zoho.audit().calls <= 30
            await finished(process, 61)
            await process.terminate()


async def test_what_was_settled_beyond_the_position_is_not_judged_anew(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """A failing event holds the position back; with mixed revisions, newer goes in a circle behind it."""
    made = await topics()
    options = EmulatorOptions(
        limits=Limits(30, 3.0, 2.0), faults=(Fault("poison", session_id=session_id(9)),)
    )
    async with Emulator(options) as zoho:
        process = consumer_process(settings_for(kafka, made, zoho.url, attempts=100))
        process.start()
        await process.wait_until_ready()
        circle = [
            binary(data(0, "b"), "b", time="2026-11-20T10:20:00Z"),
            binary(data(0, "a") | {"revision": 5}, "a", time="2026-11-20T10:10:00Z"),
            binary(data(0, "c") | {"revision": 4}, "c", time="2026-11-20T10:30:00Z"),
        ]
        await publish(kafka.bootstrap, made.source, [binary(data(9), "never")])
        for number, event in enumerate(circle, start=1):
            await publish(kafka.bootstrap, made.source, [event])
            await finished(process, number)
        refused = [binary(data(1, "bad", trainerId=7), f"bad{n}") for n in range(3)]
        await publish(kafka.bootstrap, made.source, refused)
        await finished(process, 6)
        await process.terminate()
        before, ended = await outcomes(kafka, made), names_at_zoho(zoho, 1)
        process.start()
        await process.wait_until_ready()
        await publish(kafka.bootstrap, made.source, [binary(data(2, "last"), "last")])

        async def last_applied() -> bool:
            return "last" in await outcomes(kafka, made)

        await until(last_applied)
        await process.terminate()

        assert ended == names_at_zoho(zoho, 1)
    after = await outcomes(kafka, made)
    assert before == {event: value for event, value in after.items() if event != "last"}
    letters = await read_all(kafka.bootstrap, made.dead_letters)
    assert 3 == len(letters)

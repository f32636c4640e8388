"""Replays of dead letters, through the process: what becomes of them, in which order, and over crashes."""

import asyncio
import json
import signal
from collections.abc import Iterable, Sequence
from typing import Any

import confluent_kafka
from aiokafka.admin import AIOKafkaAdminClient
from confluent_kafka.admin import AdminClient

from consumer.delivery.outcome import Origin
from consumer.delivery.replay import Replay, original_headers
from consumer.emulator.faults import Fault
from consumer.emulator.options import EmulatorOptions, Limits
from consumer.emulator.server import Emulator
from consumer.records import Record
from schemas import dead_letter as names
from schemas.outcome import DeadLetterState, Outcome
from tests.integration.conftest import MakeConsumer, MakeTopics
from tests.integration.scene import (
    binary,
    data,
    dead_letters,
    finished,
    header,
    names_at_zoho,
    session_id,
    until,
)
from tests.kafka_broker.traffic import Outgoing, Topics, committed, create_topics, publish, read_all
from tests.kafka_broker.under_test import KafkaUnderTest
from tests.process import ConsumerProcess, settings_for

QUICK = EmulatorOptions(limits=Limits(30, 3.0, 2.0))
RUN = "2026-11-26-1"
SAME_AGAIN = (
    names.ID,
    names.ERRORS_TOPIC,
    names.ERRORS_PARTITION,
    names.ERRORS_OFFSET,
    names.SOURCE_TIMESTAMP,
    names.ERROR_CLASS,
    names.ERRORS_DELIVERY_COUNT,
)


def replay_of(letter: Record, count: int = 1, value: bytes | None = None) -> Outgoing:
    """What replays this dead letter, with its value or another."""
    origin = Origin(
        header(letter, names.ERRORS_TOPIC) or "",
        int(header(letter, names.ERRORS_PARTITION) or ""),
        int(header(letter, names.ERRORS_OFFSET) or ""),
    )
    replay = Replay(
        header(letter, names.ID) or "",
        origin,
        count,
        RUN,
        "ann",
        "2026-11-26T09:00:00Z",
        "the session exists now",
        value is not None,
        header(letter, names.SOURCE_TIMESTAMP),
    )
    headers = original_headers(letter.headers) + replay.headers("default")
    return Outgoing(letter.value if value is None else value, letter.key, headers, partition=letter.partition)


async def replay(kafka: KafkaUnderTest, made: Topics, letters: Iterable[Record]) -> None:
    """Replay them for the first time."""
    await publish(kafka.bootstrap, made.replay, [replay_of(letter) for letter in letters])


async def told(kafka: KafkaUnderTest, made: Topics) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The outcomes in the order in which they were written, and the dead letters' states."""
    outcomes, states = [], []
    for record in await read_all(kafka.bootstrap, made.outcomes):
        value = json.loads(record.value or b"")
        if (record.key or b"").startswith(b"dead-letter/"):
            state = DeadLetterState.model_validate(value)
            assert f"dead-letter/{state.dead_letter_id}".encode() == record.key
            states.append(value)
        else:
            Outcome.model_validate(value)
            outcomes.append(value)
    return outcomes, states


def event(number: int, name: str, revision: int | None = None) -> Outgoing:
    """A change of session `number`, with its name for an id."""
    more = {} if revision is None else {"revision": revision}
    return binary(data(number, name) | more, name, session_id(number).encode())


async def until_dead(kafka: KafkaUnderTest, made: Topics, count: int) -> list[Record]:
    """So many dead letters, once they are there."""
    letters: list[Record] = []

    async def there() -> bool:
        letters[:] = await dead_letters(kafka.bootstrap, made)
        return len(letters) >= count

    await until(there)
    return letters


async def test_a_replay_is_applied_and_says_so_of_its_dead_letter(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """Zoho did not know the session and does now: outcome, state, lag and positions of both topics."""
    made = await topics(partitions=2)
    async with Emulator(QUICK) as zoho, consumer_process(settings_for(kafka, made, zoho.url)) as process:
        zoho.add_fault(Fault("not_found", session_id=session_id(0)))
        await publish(kafka.bootstrap, made.source, [event(0, "late")])
        [letter] = await until_dead(kafka, made, 1)
        zoho.clear_faults()
        await replay(kafka, made, [letter])
        await finished(process, 2)
        metrics = await process.metrics()
        status = await process.account()
        await process.terminate()

        assert ["late"] == names_at_zoho(zoho, 1)
    outcomes, states = await told(kafka, made)
    [refused, applied] = outcomes
    letter_id = f"{made.source}:{letter.partition}:0"
    assert ("dead_lettered", "applied") == (refused["outcome"], applied["outcome"])
    assert letter_id == refused["deadLetterId"] == applied["deadLetterId"] == header(letter, "dlq.id")
    assert refused["origin"] == applied["origin"] == applied["applied"]["origin"]
    assert ["replaying", "applied"] == [state["state"] for state in states]
    assert [None, "applied"] == [state["outcome"] for state in states]
    common = {"replayCount": 1, "runId": RUN, "by": "ann", "reason": "the session exists now"}
    assert all(common.items() <= state.items() for state in states)
    assert {made.source: 0, made.replay: 0} == status["lag"]
    assert 0 == status["backlog"]["replays"]
    # How late the replay was is not told as the consumer's own delay.
    assert 0 == metrics['session_consumer_event_to_applied_seconds_count{account="default"}']
    positions = await committed(kafka.bootstrap, made.group)
    assert ["", "", False] == [
        *(positions[p].metadata for p in positions if p.topic == made.replay),
        *(positions[p].metadata == "" for p in positions if p.topic == made.source and p.partition == 0),
    ]


async def test_a_replay_that_is_older_than_what_was_applied_costs_no_call(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """It was read later, and is older by its first origin: `superseded`, and the newer change stands."""
    made = await topics()
    async with Emulator(QUICK) as zoho, consumer_process(settings_for(kafka, made, zoho.url)) as process:
        zoho.add_fault(Fault("not_found", session_id=session_id(0)))
        # One time, one partition: the offset of the first origin decides.
        await publish(kafka.bootstrap, made.source, [event(0, "older")])
        letters = await until_dead(kafka, made, 1)
        zoho.clear_faults()
        await publish(kafka.bootstrap, made.source, [event(0, "newer")])
        await finished(process, 2)
        await replay(kafka, made, letters)
        await finished(process, 3)
        await process.terminate()

        assert (2, ["newer"]) == (zoho.audit().calls, names_at_zoho(zoho, 1))
    outcomes, states = await told(kafka, made)
    assert ["dead_lettered", "applied", "stale"] == [each["outcome"] for each in outcomes]
    assert [("replaying", None), ("superseded", "stale")] == [(s["state"], s["outcome"]) for s in states]


async def test_law_6_a_replay_that_fails_again_is_the_record_untouched_with_its_first_origin(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """Duplicates, order, nulls, odd names, reserved ones of the publisher's: as they were, and one block."""
    made = await topics(partitions=4)
    odd: tuple[tuple[str, bytes | None], ...] = (
        ("b", b"\xff"),
        ("a", None),
        ("b", b""),
        ("dlq.id", b"mine"),
        ("", b"empty name"),
        ("\udcff", b"a name that isn't UTF-8"),
    )
    good = event(0, "unknown")
    unknown = Outgoing(good.value, good.key, (*odd, *good.headers), partition=3)
    broken = Outgoing(None, b"\xfe", odd, partition=2)
    async with Emulator(QUICK) as zoho, consumer_process(settings_for(kafka, made, zoho.url)) as process:
        zoho.add_fault(Fault("not_found", session_id=session_id(0)))
        await publish(kafka.bootstrap, made.source, [unknown, broken])
        first = await until_dead(kafka, made, 2)
        await replay(kafka, made, first)
        letters = await until_dead(kafka, made, 4)
        await finished(process, 4)
        await process.terminate()

    outcomes, states = await told(kafka, made)
    for before, again in ((letters[0], letters[1]), (letters[2], letters[3])):
        kept = original_headers(before.headers)
        assert ("original.dlq.id", b"mine") in kept
        assert (before.key, before.value, before.partition) == (again.key, again.value, again.partition)
        assert kept == original_headers(again.headers)
        block = [name for name, _ in again.headers[len(kept) :]]
        assert len(set(block)) == len(block)
        assert set(block) <= names.RESERVED_NAMES
        for name in SAME_AGAIN:
            assert header(before, name) == header(again, name), name
        assert ("0", None) == (header(before, names.REPLAY_COUNT), header(before, names.REPLAY_RUN_ID))
        assert ("1", RUN) == (header(again, names.REPLAY_COUNT), header(again, names.REPLAY_RUN_ID))
    # One that names no event has a state, and no outcome.
    assert ["dead_lettered"] * 2 == [each["outcome"] for each in outcomes]
    assert {"replaying": 2, "open": 2} == {
        name: sum(state["state"] == name for state in states) for name in ("replaying", "open")
    }


async def test_a_publisher_can_make_no_replay(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """A record of the source that bears a replay's headers counts where it was read."""
    made = await topics()
    forged = Replay(f"{made.source}:0:7", Origin(made.source, 0, 7), 1, RUN, "eve", "", "", mended=False)
    plain = event(0, "forged")
    async with Emulator(QUICK) as zoho, consumer_process(settings_for(kafka, made, zoho.url)) as process:
        await publish(
            kafka.bootstrap,
            made.source,
            [Outgoing(plain.value, plain.key, plain.headers + forged.headers("default"))],
        )
        # And one of the replay topic without them counts where that was read.
        await publish(kafka.bootstrap, made.replay, [event(1, "foreign")])
        await finished(process, 2)
        await process.terminate()

    outcomes, states = await told(kafka, made)
    assert {(made.source, 0, None), (made.replay, 0, None)} == {
        (each["origin"]["topic"], each["origin"]["offset"], each["deadLetterId"]) for each in outcomes
    }
    assert [] == states


async def test_law_1_a_kill_while_replays_wait_loses_none_and_repeats_none_that_was_recorded(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """The next life calls for no replay whose end is on record, though its position was not committed."""
    made = await topics(partitions=2)
    numbers = range(24)
    async with Emulator(QUICK) as zoho:
        settings = settings_for(
            kafka,
            made,
            zoho.url,
            concurrency=2,
            kafka_session_timeout_seconds=2,
            zoho_timeout_seconds=1,
            attempts=100,
        )
        process = consumer_process(settings)
        process.start()
        await process.wait_until_ready()
        zoho.add_fault(Fault("not_found"))
        await publish(kafka.bootstrap, made.source, [event(n, f"e{n}") for n in numbers])
        letters = await until_dead(kafka, made, len(numbers))
        zoho.clear_faults()
        # The first one of each partition fails and holds the position back.
        stuck = [next(each for each in letters if each.partition == partition) for partition in (0, 1)]
        for letter in stuck:
            session = (header(letter, names.SESSION) or "").split("/")[-1]
            zoho.add_fault(Fault("poison", session_id=session))
        await replay(kafka, made, letters)

        async def some_ended() -> bool:
            _, states = await told(kafka, made)
            return [state["state"] for state in states].count("applied") >= 8

        await until(some_ended)
        process.signal(signal.SIGKILL)
        await process.wait()
        _, states = await told(kafka, made)
        recorded = {state["deadLetterId"] for state in states if state["state"] == "applied"}
        wanted = {header(letter, names.ID) for letter in letters}
        writes_before = zoho.audit().writes
        zoho.clear_faults()
        process.start()
        await process.wait_until_ready()

        async def all_ended() -> bool:
            _, states = await told(kafka, made)
            return {s["deadLetterId"] for s in states if s["state"] == "applied"} == wanted

        await until(all_ended, 60)
        await process.terminate()

        assert [f"e{n}" for n in numbers] == names_at_zoho(zoho, len(numbers))
        assert 8 <= len(recorded) < len(numbers)
        # Those that were under way or not yet on record are sent, and nothing else.
        assert zoho.audit().writes - writes_before <= len(numbers) - len(recorded)
    _, states = await told(kafka, made)
    ends = [state["deadLetterId"] for state in states if state["state"] == "applied"]
    assert len(numbers) == len(ends)


async def test_live_events_go_first_and_replays_get_their_share(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """Of ten calls one is a replay's while both wait; then the rest of the replays."""
    made = await topics()
    async with Emulator(EmulatorOptions(limits=Limits(1_000, 3.0, 2.0))) as zoho:
        settings = settings_for(kafka, made, zoho.url, concurrency=1, quota_requests=200)
        async with consumer_process(settings) as process:
            zoho.add_fault(Fault("not_found"))
            await publish(kafka.bootstrap, made.source, [event(n, f"late {n}") for n in range(20)])
            letters = await until_dead(kafka, made, 20)
            await process.terminate()
        zoho.clear_faults()
        await replay(kafka, made, letters)
        await publish(kafka.bootstrap, made.source, [event(n, f"live {n}") for n in range(100, 200)])
        async with consumer_process(settings) as process:
            await finished(process, 120)
            await process.terminate()

    outcomes, _ = await told(kafka, made)
    called = ["R" if each["deadLetterId"] else "L" for each in outcomes if each["outcome"] == "applied"]
    assert [("L" * 9 + "R") * 11 + "L" + "R" * 9] == ["".join(called)]


async def test_replays_are_read_from_the_beginning_wherever_live_events_start(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """CONSUMER_START_FROM=latest leaves out what was published before the group, but no replay."""
    made = await topics()
    letter = Record(
        made.dead_letters,
        0,
        0,
        0,
        session_id(1).encode(),
        event(1, "asked for").value,
        (
            *event(1, "asked for").headers,
            (names.ID, f"{made.source}:0:0".encode()),
            (names.ERRORS_TOPIC, made.source.encode()),
            (names.ERRORS_PARTITION, b"0"),
            (names.ERRORS_OFFSET, b"0"),
        ),
    )
    await publish(kafka.bootstrap, made.source, [event(0, "before")])
    await replay(kafka, made, [letter])
    async with Emulator(QUICK) as zoho:
        settings = settings_for(kafka, made, zoho.url, start_from="latest")
        async with consumer_process(settings) as process:
            await finished(process, 1)
            await publish(kafka.bootstrap, made.source, [event(2, "after")])
            await finished(process, 2)
            await process.terminate()

        assert [None, "asked for", "after"] == names_at_zoho(zoho, 3)


async def test_law_3_a_replay_topic_is_always_with_its_sources_owner(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """Two replicas, and the owner goes away: both topics to one, and then to the other."""
    made = await topics(partitions=3)
    async with Emulator(QUICK) as zoho:
        settings = [settings_for(kafka, made, zoho.url) for _ in range(2)]
        owner = consumer_process(settings[0])
        owner.start()
        await owner.wait_until_ready()
        async with consumer_process(settings[1]) as standby:
            parts = await assigned(kafka, made, members=2)
            assert [[], both(made)] == sorted(parts)
            await owner.terminate()
            await assigned(kafka, made, members=1)
            assert [both(made)] == await assigned(kafka, made, members=1)
            await standby.terminate()


async def test_a_replay_topic_that_is_gone_stops_no_live_event(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer
) -> None:
    """It is told once and looked for; once made anew, what is in it is replayed."""
    made = await topics()
    async with Emulator(QUICK) as zoho, consumer_process(settings_for(kafka, made, zoho.url)) as process:
        zoho.add_fault(Fault("not_found", calls=2))
        await publish(kafka.bootstrap, made.source, [event(0, "one"), event(1, "two")])
        first, second = await until_dead(kafka, made, 2)
        await replay(kafka, made, [first])
        await finished(process, 3)
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
        await admin.start()
        await admin.delete_topics([made.replay])
        await admin.close()
        await until(lambda: _says(process, "replay topics do not exist"))
        await publish(kafka.bootstrap, made.source, [event(2, "live")])
        await finished(process, 4)
        await create_topics(kafka.bootstrap, made.replay)
        await replay(kafka, made, [second])
        await finished(process, 5)
        await process.terminate()

        assert {"one", "two", "live"} == set(names_at_zoho(zoho, 3))
    assert 1 == sum("replay topics do not exist" in line for line in process.log_lines())


async def _says(process: ConsumerProcess, text: str) -> bool:
    return any(text in line for line in process.log_lines())


def both(made: Topics) -> list[tuple[str, int]]:
    """All partitions of the source and the replay topic."""
    return sorted((topic, number) for topic in (made.source, made.replay) for number in range(3))


async def assigned(kafka: KafkaUnderTest, made: Topics, *, members: int) -> Sequence[list[tuple[str, int]]]:
    """What each member owns, once the group is stable with so many, as the broker tells it."""
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    parts: list[list[tuple[str, int]]] = []

    async def stable() -> bool:
        [asked] = admin.describe_consumer_groups([made.group]).values()
        group = await asyncio.to_thread(asked.result, 10)
        parts[:] = [
            sorted((each.topic, each.partition) for each in member.assignment.topic_partitions)
            for member in group.members
        ]
        return bool(group.state is confluent_kafka.ConsumerGroupState.STABLE and len(parts) == members)

    await until(stable)
    return parts

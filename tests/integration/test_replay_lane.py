"""Replays of dead letters, through the process: what becomes of them, in which order, and over crashes."""

import pytest

from consumer.delivery.outcome import Origin
from consumer.delivery.replay import Replay, original_headers
from consumer.emulator.faults import Fault
from consumer.emulator.options import EmulatorOptions, Limits
from consumer.emulator.server import Emulator
from schemas import dead_letter as names
from tests.integration.conftest import MakeConsumer, MakeTopics
from tests.integration.replays_scene import QUICK, RUN, event, replay, told, until_dead
from tests.integration.scene import (
    finished,
    header,
    names_at_zoho,
    session_id,
)
from tests.kafka_broker.traffic import Outgoing, committed, publish
from tests.kafka_broker.under_test import KafkaUnderTest
from tests.process import settings_for

SAME_AGAIN = (
    names.ID,
    names.ERRORS_TOPIC,
    names.ERRORS_PARTITION,
    names.ERRORS_OFFSET,
    names.SOURCE_TIMESTAMP,
    names.ERROR_CLASS,
    names.ERRORS_DELIVERY_COUNT,
)


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


@pytest.mark.claim("S-22")
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


@pytest.mark.claim("S-22")
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

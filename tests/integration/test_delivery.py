"""Events in, Zoho up to date, failures in the dead-letter topic: the process on a real Kafka."""

from collections.abc import AsyncIterator

import pytest

from consumer.emulator.faults import Fault
from consumer.emulator.options import Catalogue, EmulatorOptions, Limits
from consumer.emulator.server import Emulator
from tests.integration.conftest import MakeConsumer, MakeTopics
from tests.integration.scene import (
    binary,
    changes,
    classes,
    data,
    dead_letters,
    finished,
    header,
    last_names,
    names_at_zoho,
    session_id,
    until,
)
from tests.kafka_broker.traffic import Outgoing, committed, publish
from tests.kafka_broker.under_test import KafkaUnderTest
from tests.process import settings_for


@pytest.fixture
async def zoho() -> AsyncIterator[Emulator]:
    """A strict Zoho with the real quota in a window of 3 s; session 90 is unknown to it."""
    options = EmulatorOptions(
        limits=Limits(30, 3.0, 2.0), catalogue=Catalogue(unknown=frozenset({session_id(90)}))
    )
    async with Emulator(options) as emulator:
        yield emulator


async def test_every_event_is_applied_in_its_sessions_order_within_the_quota(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer, zoho: Emulator
) -> None:
    """100 changes of 20 sessions over 3 partitions: the last one stands, in order, no window above 30."""
    made = await topics(partitions=3)
    await publish(kafka.bootstrap, made.source, changes(100, 20))

    async with consumer_process(settings_for(kafka, made, zoho.url)) as process:
        await finished(process, 100)
        assert await process.terminate() == 0

    audit = zoho.audit()
    assert last_names(100, 20) == names_at_zoho(zoho, 20)
    assert (audit.calls, audit.writes, audit.locks) == (100, 100, 0)
    assert audit.most_in_window <= 30
    assert audit.most_in_flight_of_one_session == 1
    assert audit.most_in_flight > 1
    for number in range(20):
        session = zoho.session(session_id(number))
        assert session is not None
        in_order = [call.session_data["name"] for call in session.calls if call.session_data]
        assert in_order == [f"change {i}" for i in range(number, 100, 20)]
    positions = await committed(kafka.bootstrap, made.group)
    assert sum(position.offset for position in positions.values()) == 100


async def test_a_restart_resumes_where_it_stopped(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer, zoho: Emulator
) -> None:
    """Nothing is sent twice over a clean stop, and what came meanwhile is applied."""
    made = await topics()
    process = consumer_process(settings_for(kafka, made, zoho.url))
    await publish(kafka.bootstrap, made.source, changes(10, 5))
    process.start()
    await process.wait_until_ready()
    await finished(process, 10)
    assert await process.terminate() == 0
    await publish(kafka.bootstrap, made.source, changes(5, 5))

    process.start()
    await process.wait_until_ready()
    await finished(process, 5)

    assert zoho.audit().calls == 15


async def test_what_zoho_refuses_is_dead_lettered_with_its_class(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer, zoho: Emulator
) -> None:
    """404, a business code, 403, 500 and silence for one session each, while the others go on."""
    zoho.add_fault(Fault("business", session_id=session_id(91), code="COURSE_ALREADY_COMPLETED"))
    zoho.add_fault(Fault("forbidden", session_id=session_id(92)))
    zoho.add_fault(Fault("poison", session_id=session_id(93)))
    zoho.add_fault(Fault("reset_after_effect", session_id=session_id(94)))
    made = await topics()
    bad = [binary(data(number), f"bad {number}", b"bad") for number in (90, 91, 92, 93, 94)]
    await publish(kafka.bootstrap, made.source, [*bad, *changes(12, 12)])
    settings = settings_for(kafka, made, zoho.url, attempts=2, quota_abort_margin_seconds=0.2)

    async with consumer_process(settings) as process:
        extra = 0

        async def all_given_up() -> bool:
            """Failing events are only given up while others are served: so go on serving others."""
            nonlocal extra
            extra += 1
            more = [binary(data(extra % 12, f"more {extra}"), f"more {extra}")]
            await publish(kafka.bootstrap, made.source, more)
            metrics = await process.metrics()
            return metrics['session_consumer_events_total{account="default",outcome="dead_lettered"}'] >= 5

        await until(all_given_up, 60)
        await process.terminate()

    letters = {header(letter, "dlq.event.id"): letter for letter in await dead_letters(kafka.bootstrap, made)}
    assert {event_id: header(letter, "dlq.error.class") for event_id, letter in letters.items()} == {
        "bad 90": "session_not_found",
        "bad 91": "rejected_by_zoho",
        "bad 92": "forbidden_by_zoho",
        "bad 93": "failed_at_zoho",
        "bad 94": "outcome_unknown",
    }
    assert (
        header(letters["bad 91"], "dlq.http.status"),
        header(letters["bad 91"], "dlq.zoho.code"),
    ) == ("400", "COURSE_ALREADY_COMPLETED")
    assert header(letters["bad 90"], "__dlq.errors.delivery.count") == "1"
    assert int(header(letters["bad 93"], "__dlq.errors.delivery.count") or 0) >= 2


async def test_a_dead_letter_is_the_record_untouched_with_the_block_appended(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer, zoho: Emulator
) -> None:
    """Key, value, header order, duplicates, nulls and reserved names: law 6."""
    made = await topics(partitions=4, dead_letter_partitions=2)
    headers = (("b", b"\xff\xfe"), ("a", None), ("b", b""), ("dlq.id", b"mine"), ("", b"empty name"))
    sent = Outgoing(b"\x00not json", b"\xfekey", headers, partition=3)
    await publish(kafka.bootstrap, made.source, [sent, *changes(3, 3)])

    async with consumer_process(settings_for(kafka, made, zoho.url)) as process:
        await finished(process, 4)
        await process.terminate()

    [letter] = await dead_letters(kafka.bootstrap, made)
    kept = (("b", b"\xff\xfe"), ("a", None), ("b", b""), ("original.dlq.id", b"mine"), ("", b"empty name"))
    assert (letter.key, letter.value, letter.partition) == (b"\xfekey", b"\x00not json", 1)
    assert kept == letter.headers[:5]
    assert classes([letter]) == ["event_unreadable"]
    assert f"{made.source}:3:0" == header(letter, "dlq.id")
    assert (made.source, "3", "0", made.group, "0") == tuple(
        header(letter, f"__dlq.errors.{name}")
        for name in ("topic", "partition", "offset", "group", "delivery.count")
    )

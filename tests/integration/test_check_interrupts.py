"""`check --send`, interrupted: the group is left at once, and what is known of the call is told."""

import signal
import time
from pathlib import Path

import pytest

from consumer.delivery.quota_state import read_state
from consumer.emulator.faults import Fault
from consumer.emulator.options import EmulatorOptions, Limits
from consumer.emulator.server import Emulator
from consumer.records import TopicPartition
from tests.integration.check_scene import event_file, signalled_check
from tests.integration.conftest import MakeConsumer, MakeTopics
from tests.integration.scene import changes, reaches, session_id
from tests.kafka_broker.traffic import committed, publish
from tests.kafka_broker.under_test import KafkaUnderTest
from tests.process import settings_for

pytestmark = pytest.mark.kafka

QUICK = EmulatorOptions(limits=Limits(30, 3.0, 2.0))


async def test_an_interrupt_leaves_the_group_at_once(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer, tmp_path: Path
) -> None:
    """SIGINT while it waits: exit code 130, and a consumer that starts then owns the account right away."""
    made = await topics()
    async with Emulator(QUICK) as zoho:
        env = settings_for(kafka, made, zoho.url, quota_lock_seconds=40)
        async with consumer_process(env) as process:
            zoho.lock()
            await publish(kafka.bootstrap, made.source, changes(1, 1))
            await reaches(process, "throttled")
            assert await process.terminate() == 0
        waits = (signal.SIGINT, lambda err: "Waiting" in err)
        said = await signalled_check(env, "--send", event_file(tmp_path, 77), "--yes", signals=[waits])
        assert said.code == 130, said.err
        assert "nothing was sent" in said.row("call", "not made")["found"]
        started = time.monotonic()
        async with consumer_process(env) as process:
            await reaches(process, "throttled")
            assert time.monotonic() - started < 6, "the session time-out of one that is gone"
            assert await process.terminate() == 0


@pytest.mark.parametrize(
    ("number", "code", "fault", "verdict"),
    [
        (signal.SIGINT, 130, Fault("slow", seconds=1.5), "applied"),
        (signal.SIGTERM, 143, Fault("slow", seconds=1.5), "applied"),
        (signal.SIGINT, 130, Fault("hang"), "no answer (the People host: time-out)"),
    ],
)
async def test_an_interrupt_does_not_hide_what_became_of_the_call(
    kafka: KafkaUnderTest,
    topics: MakeTopics,
    tmp_path: Path,
    *,
    number: signal.Signals,
    code: int,
    fault: Fault,
    verdict: str,
) -> None:
    """A call that was made is waited for, within its time-out, and the row tells what came of it."""
    made = await topics()
    async with Emulator() as zoho:
        zoho.add_fault(fault)
        env = settings_for(kafka, made, zoho.url, zoho_timeout_seconds=4)
        called = (number, lambda _: zoho.audit().calls == 1)
        said = await signalled_check(env, "--send", event_file(tmp_path), "--yes", signals=[called])

        assert said.code == code, said.out + said.err
        assert "its answer is waited for" in said.err
        assert said.row("call", "verdict")["found"].startswith(verdict)
        assert f"Exit code {code}." in said.err
        assert zoho.audit().calls == 1


async def test_who_insists_is_told_that_the_call_was_made(
    kafka: KafkaUnderTest, topics: MakeTopics, tmp_path: Path
) -> None:
    """A second Ctrl+C waits for no answer: that is said, with where to look, and the slot stays taken."""
    made = await topics()
    async with Emulator() as zoho:
        zoho.add_fault(Fault("hang"))
        env = settings_for(kafka, made, zoho.url, zoho_timeout_seconds=20, shutdown_seconds=25)
        called = (signal.SIGINT, lambda _: zoho.audit().calls == 1)
        again = (signal.SIGINT, lambda err: "its answer is waited for" in err)
        said = await signalled_check(env, "--send", event_file(tmp_path), "--yes", signals=[called, again])

        assert said.code == 130, said.out + said.err
        assert said.seconds < 15, "the call's time-out"
        row = said.row("call", "verdict")
        assert row["found"] == "the call was made, its answer is not known: Zoho may have applied it"
        assert session_id(1) in row["todo"]
        assert zoho.audit().calls == 1
    state, _ = read_state(
        (await committed(kafka.bootstrap, made.group))[TopicPartition(made.source, 0)].metadata
    )
    assert len(state.quota.pending) == 1

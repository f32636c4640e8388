"""`check --send`: one real call as the account's owner, or none, on a real Kafka."""

import json
import signal
import time
from pathlib import Path

import pytest

from consumer.delivery.quota_state import read_state
from consumer.emulator.faults import Fault
from consumer.emulator.options import EmulatorOptions, Limits, TokenRules
from consumer.emulator.server import Emulator
from consumer.records import TopicPartition
from tests.integration.check_scene import event_file, run_check
from tests.integration.conftest import MakeConsumer, MakeTopics
from tests.integration.scene import changes, finished, reaches, session_id, until
from tests.kafka_broker.traffic import Topics, committed, publish, read_all
from tests.kafka_broker.under_test import KafkaUnderTest
from tests.process import settings_for

pytestmark = pytest.mark.kafka

QUICK = EmulatorOptions(limits=Limits(30, 3.0, 2.0))


def quota_kept_at(topics: Topics) -> TopicPartition:
    """Where the account's quota is kept."""
    return TopicPartition(topics.source, 0)


async def test_a_call_by_hand_counts_in_the_quota_of_who_comes_after(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer, tmp_path: Path
) -> None:
    """Applied at Zoho, one slot and one mint in the group's commit, positions as they were, no outcome;
    a consumer that starts at once makes no more calls than the quota less that one."""
    made = await topics()
    options = EmulatorOptions(limits=Limits(5, 8.0, 20.0))
    scaled = {"quota_requests": 5, "quota_window_seconds": 8, "quota_lock_seconds": 20}
    await publish(kafka.bootstrap, made.source, changes(12, 12))
    async with Emulator(options) as zoho:
        env = settings_for(kafka, made, zoho.url, **scaled)
        said = await run_check(env, "--send", event_file(tmp_path, 77), "--yes")

        assert said.code == 0, said.out + said.err
        assert said.row("call", "verdict")["found"].startswith("applied")
        assert said.row("call", "echo")["mark"] == "ok"
        session = zoho.session(session_id(77))
        assert session is not None
        assert (zoho.audit().calls, len(zoho.portal.tokens.mints)) == (1, 1)
        entry = (await committed(kafka.bootstrap, made.group))[quota_kept_at(made)]
        state, _ = read_state(entry.metadata)
        assert entry.offset == 0, "no record was read"
        assert (len(state.quota.inherited), len(state.quota.pending)) == (1, 0)
        assert len(state.mints.minted_at) == 1
        assert await read_all(kafka.bootstrap, made.outcomes) == []

        async with consumer_process(env) as process:
            await finished(process, 12, 60)
            assert await process.terminate() == 0
        audit = zoho.audit()
        assert (audit.calls, audit.refused_by_lock, audit.most_in_window) == (13, 0, 5)


async def test_a_call_by_hand_is_refused_while_a_replica_owns_the_account(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer, tmp_path: Path
) -> None:
    """Exit code 4 with the member's name; the owner has noticed nothing: owned once, no hand-over."""
    made = await topics()
    async with Emulator(QUICK) as zoho:
        env = settings_for(kafka, made, zoho.url)
        async with consumer_process(env) as process:
            await publish(kafka.bootstrap, made.source, changes(1, 1))
            await finished(process, 1)
            said = await run_check(env, "--send", event_file(tmp_path, 77), "--yes")
            await publish(kafka.bootstrap, made.source, changes(1, 1))
            await finished(process, 2)
            logged = process.log_lines()

        assert said.code == 4
        refused = said.row("call", "not made")
        assert "owns the account" in refused["found"]
        owner = said.row("group", "owner")["found"]
        assert owner.startswith("session-consumer-")
        assert owner in refused["found"]
        assert "127.0.0.1" in owner
        assert zoho.session(session_id(77)) is None
        owned = [line for line in logged if "account owned" in line]
        assert (len(owned), [line for line in logged if "handed over" in line]) == (1, [])


async def test_a_lock_that_the_last_owner_left_is_waited_for(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer, tmp_path: Path
) -> None:
    """It is told what is waited for, and the one call comes after the lock; both mints are on record."""
    made = await topics()
    options = EmulatorOptions(limits=Limits(30, 3.0, 6.0))
    async with Emulator(options) as zoho:
        env = settings_for(kafka, made, zoho.url, quota_lock_seconds=6)
        async with consumer_process(env) as process:
            zoho.lock()
            await publish(kafka.bootstrap, made.source, changes(1, 1))
            await reaches(process, "throttled")
            assert await process.terminate() == 0
        refused_before = zoho.audit().calls
        said = await run_check(env, "--send", event_file(tmp_path, 77), "--yes")

        assert said.code == 0, said.out + said.err
        assert "throttled until" in said.row("group", "state")["found"]
        assert "Waiting: " in said.err
        assert zoho.audit().calls == refused_before + 1
        entry = (await committed(kafka.bootstrap, made.group))[quota_kept_at(made)]
        assert len(read_state(entry.metadata)[0].mints.minted_at) == 2, "the consumer's token and ours"


async def test_calls_of_an_owner_that_crashed_are_over_first(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer, tmp_path: Path
) -> None:
    """While the dead member is in the group, exit code 4; then it waits as the next owner would."""
    made = await topics()
    async with Emulator(QUICK) as zoho:
        env = settings_for(kafka, made, zoho.url, zoho_timeout_seconds=4, quota_abort_margin_seconds=8)
        async with consumer_process(env) as process:
            zoho.add_fault(Fault("hang", calls=1))
            await publish(kafka.bootstrap, made.source, changes(1, 1))

            async def called() -> bool:
                return zoho.audit().calls == 1

            await until(called)
            process.signal(signal.SIGKILL)
        at_once = await run_check(env, "--send", event_file(tmp_path, 77), "--yes")
        said = at_once

        async def member_is_gone() -> bool:
            nonlocal said
            said = await run_check(env, "--send", event_file(tmp_path, 77), "--yes")
            return said.code != 4

        await until(member_is_gone)

        assert at_once.code == 4
        assert said.code == 0, said.out + said.err
        assert "may be under way until" in said.row("group", "calls")["found"]
        assert "Waiting: calls of the last owner may still be under way" in said.err
        assert zoho.audit().calls == 2


async def test_a_lock_that_lasts_is_not_waited_for(
    kafka: KafkaUnderTest, topics: MakeTopics, consumer_process: MakeConsumer, tmp_path: Path
) -> None:
    """Exit code 1 at once with the lock's end, and Zoho is left in peace; the state stays as it was."""
    made = await topics()
    async with Emulator(QUICK) as zoho:
        env = settings_for(kafka, made, zoho.url, quota_lock_seconds=300)
        async with consumer_process(env) as process:
            zoho.lock()
            await publish(kafka.bootstrap, made.source, changes(1, 1))
            await reaches(process, "throttled")
            assert await process.terminate() == 0
        refused_before = zoho.audit().calls
        said = await run_check(env, "--send", event_file(tmp_path, 77), "--yes")

        assert said.code == 1, said.out + said.err
        assert "no call is possible now" in said.row("call", "not made")["found"]
        assert said.seconds < 30
        assert zoho.audit().calls == refused_before
    left = (await committed(kafka.bootstrap, made.group))[quota_kept_at(made)]
    state, _ = read_state(left.metadata)
    assert state.closed is not None
    assert state.closed.until > time.time() + 200


@pytest.mark.parametrize(
    ("fault", "ends"),
    [
        ("not_found", (1, "session_not_found")),
        ("business", (1, "rejected_by_zoho")),
        ("echo_date", (1, "sessionStartDate")),
        ("forbidden", (4, "right to update")),
        ("poison", (3, "500")),
        ("hang", (3, "may have been applied")),
    ],
)
async def test_what_zoho_says_to_the_call_is_explained(
    kafka: KafkaUnderTest, topics: MakeTopics, tmp_path: Path, fault: str, ends: tuple[int, str]
) -> None:
    """One call each, never a second; the verdict in words."""
    async with Emulator(QUICK) as zoho:
        zoho.add_fault(Fault(fault))
        env = settings_for(kafka, await topics(), zoho.url)
        said = await run_check(env, "--send", event_file(tmp_path), "--yes")

        assert said.code == ends[0], said.out + said.err
        assert ends[1] in json.dumps(said.bad)
        assert zoho.audit().calls == 1


async def test_a_scope_that_is_not_enough_shows_in_the_call(
    kafka: KafkaUnderTest, topics: MakeTopics, tmp_path: Path
) -> None:
    """Exit code 4, and the scope that is needed."""
    options = EmulatorOptions(tokens=TokenRules(scope="ZOHOPEOPLE.leave.ALL"))
    async with Emulator(options) as zoho:
        env = settings_for(kafka, await topics(), zoho.url)
        said = await run_check(env, "--send", event_file(tmp_path), "--yes")

    assert said.code == 4
    assert "scope" in said.row("call", "verdict")["found"]
    assert "ZOHOPEOPLE.training.ALL" in said.row("call", "verdict")["todo"]


async def test_an_invalid_event_is_told_as_event_validate_does(
    kafka: KafkaUnderTest, topics: MakeTopics, tmp_path: Path
) -> None:
    """FILE:LINE /pointer problem, exit code 1, and nothing was called; without a terminal --yes is needed."""
    file = event_file(tmp_path, startsAt="2026-12-01T10:00:30+05:30")
    async with Emulator(QUICK) as zoho:
        env = settings_for(kafka, await topics(), zoho.url)
        bad = await run_check(env, "--send", file, "--yes")
        unasked = await run_check(env, "--send", event_file(tmp_path, 2))

        assert (bad.code, unasked.code) == (1, 2)
        assert f"{file}:1 /data/session/startsAt" in bad.out
        assert "--yes" in unasked.err
        assert zoho.audit().calls == 0


async def test_nothing_is_sent_while_something_is_broken(
    kafka: KafkaUnderTest, topics: MakeTopics, tmp_path: Path
) -> None:
    """The source topic is missing: the group is not joined, and the row says to mend that first."""
    made = await topics()
    async with Emulator(QUICK) as zoho:
        env = settings_for(kafka, made, zoho.url, source_topic=f"{made.source}-gone")
        said = await run_check(env, "--send", event_file(tmp_path), "--yes")

        assert said.code == 1
        assert said.row("call", "not made")["mark"] == "unchecked"
        assert said.row("group", "owner")["mark"] == "unchecked", "nobody can own what is not there"
        assert zoho.audit().calls == 0
    assert await committed(kafka.bootstrap, made.group) == {}

"""`dlq replay`: what a running consumer adds to the plan, and the words of results."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import pytest

from consumer.cli.dlq.options import short_text, whoami
from consumer.cli.dlq.replay_input import new_run_id
from consumer.cli.dlq.replay_plan import Consumer, Shown, ask_consumer, write_plan
from consumer.cli.dlq.replay_result import Results, summary
from consumer.dlq.plan import Plan, Rules, Skip, Skipped, make_plan
from consumer.dlq.register import Register
from consumer.dlq.run import Sent
from consumer.dlq.selection import Selection
from consumer.dlq.waiting import Awaited
from consumer.http import HttpServer, Probes
from consumer.settings import KafkaSettings, ReplayNames, ReplaySettings
from tests.fakes.dlq_topics import SOURCE, Failed
from tests.unit.cli.test_status import picture

SETTINGS = ReplaySettings(kafka=KafkaSettings(bootstrap_servers="k:1"), account=ReplayNames())


async def asked(account: dict[str, Any] | None) -> Consumer:
    """What is made of a consumer that says this of the account."""
    accounts = {} if account is None else {"default": account}
    probes = Probes(
        ready=lambda: True,
        status=lambda: {"version": "9", "accounts": accounts},
        metrics=lambda: b"",
    )
    server = HttpServer(probes, "127.0.0.1", 0)
    port = await server.start()
    try:
        return await asyncio.to_thread(ask_consumer, f"http://127.0.0.1:{port}", "default")
    finally:
        await server.close()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"state": "running", "reason": None, "until": None}, None, id="running"),
        pytest.param({}, "default is throttled for 4m 1", id="locked"),
        pytest.param({"state": "standby", "until": None}, "on standby", id="standby"),
        pytest.param({"quota": {}}, "of another release", id="another release"),
    ],
)
async def test_what_a_running_consumer_says_is_a_warning(changes: dict[str, Any], words: str | None) -> None:
    """Where that matters now."""
    until = (datetime.now(UTC) + timedelta(seconds=255)).isoformat()
    found = await asked(picture(**{"until": until, **changes}))

    assert (words is None) == (found.note is None)
    assert (words or "") in (found.note or "")


async def test_a_consumer_that_serves_others_says_nothing_of_ours() -> None:
    """Nor does one that isn't there."""
    assert "serves no account default" in ((await asked(None)).note or "")
    assert "No consumer answers" in (ask_consumer("http://127.0.0.1:1", "default").note or "")
    assert ask_consumer(None, "default").note is None
    with pytest.raises(click.UsageError):
        ask_consumer("nonsense", "default")


async def test_the_plan_counts_with_our_share_and_the_backlog(capsys: pytest.CaptureFixture[str]) -> None:
    """Half of the quota is ours, twelve minutes of events wait, and the day has few calls left."""
    quota = picture()["quota"] | {"left_today": 5}
    consumer = await asked(picture(state="running", reason=None, until=None, quota=quota))
    register = Register()
    register.add_letters([Failed(minute=minute, number=minute).letter(minute) for minute in range(60)])
    plan = make_plan(register, register.standing, Rules(Selection()))

    write_plan(Shown(plan, SETTINGS, 4.2, consumer), err=False)

    written = capsys.readouterr()
    assert [
        "Account default: 60 dead letters matched.",
        "      60  to replay",
        "60 calls: about 15m 5s at 30 calls in 60 s beside 4 for live events.",
    ] == written.out.splitlines()
    assert "Only 5 calls are left today" in written.err


def test_a_run_is_named_by_its_time() -> None:
    """So that the names sort, and two of one second differ."""
    moment = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
    names = {new_run_id(moment) for _ in range(5)}

    assert 5 == len(names)
    assert all(name.startswith("20261121-090000-") and len(name) == 20 for name in names)


@pytest.mark.parametrize("text", ["two\nlines", "\x1b[31mred", "x" * 1_025, "\udcff"])
def test_texts_that_travel_in_headers_are_bounded_and_printable(text: str) -> None:
    """They are shown on terminals later."""
    with pytest.raises(click.BadParameter):
        short_text(click.Context(click.Command("replay")), click.Option(["--reason"]), text)


def test_who_it_was_is_printable() -> None:
    """Whoever it is."""
    assert whoami().isprintable()
    assert "@" in whoami()


def test_the_summary_names_every_end() -> None:
    """Ended, under way, not sent."""
    good, bad, left = Failed(minute=1), Failed(minute=2), Failed(minute=3)
    late = Failed(minute=4)
    awaited = Awaited({each.id: 1 for each in (good, bad, left, late)}, "run-1")
    awaited.add([good.state("applied"), bad.state("open"), late.state("applied", run="another")])
    sending = Sent(refused={"a:0:1": "too large"})

    said = summary("r", {good.id: 1, bad.id: 1, left.id: 1, late.id: 1}, awaited, sending)

    ends = "1 applied, 1 failed again, 1 not taken (another run was first), 1 under way, 1 not sent"
    assert f"Run r: 4 sent, {ends}." == said


def test_a_replay_that_was_not_taken_is_told_with_the_run_that_was_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Not as applied, in tables and for programs."""
    failed = Failed(minute=1)
    awaited = Awaited({failed.id: 1}, "mine")
    awaited.add([failed.state("applied", run="another", outcome="applied")])

    for output_format in ("json", "table"):
        Results("mine", {}, SOURCE, output_format).write({failed.id: 1}, awaited, Sent())

    found, _, table = capsys.readouterr().out.partition("]\n")
    [row] = json.loads(f"{found}]")
    assert ("not_taken", "run another was first") == (row["outcome"], row["message"])
    assert ["not", "taken", "run", "another", "was", "first"] == table.splitlines()[1].split()[2:8]


@pytest.mark.parametrize("seconds", [0.2, -9])
async def test_a_lock_that_is_over_has_no_time_left(seconds: float) -> None:
    """The consumer is about to go on; "for 0s more" says nothing."""
    until = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()

    found = await asked(picture(until=until))

    assert (found.note or "").startswith("default is throttled: ")


@pytest.mark.parametrize("why", [why for why in Skip if why is not Skip.SUPERSEDED])
def test_why_one_is_left_out_fits_a_line(why: Skip, capsys: pytest.CaptureFixture[str]) -> None:
    """Of eighty columns, and says how to go on where that is possible."""
    letter = register_of(Failed(minute=1)).letters[Failed(minute=1).id]
    write_plan(Shown(Plan((), (Skipped(letter, why),)), SETTINGS, 0.0, Consumer(None, None)), err=False)

    said = capsys.readouterr().out.splitlines()[1]
    assert 80 >= len(said)
    assert (why is Skip.REPLAYING) == ("once more with its ID and --force" in said)


def test_the_plan_names_versions_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    """And what goes over a newer change."""
    register = register_of(Failed(minute=1))
    register.add_outcomes([Failed(minute=5).outcome("applied")])
    version = register.letters[Failed(minute=1).id].version
    assert version is not None
    mended = {Failed(minute=1).id: version._replace(time_us=version.time_us * 2)}
    rules = Rules(Selection(), force=True, mended=mended, own_versions=mended.keys())

    plan = make_plan(register, register.standing, rules)
    write_plan(Shown(plan, SETTINGS, 0.0, Consumer(None, None)), err=False)

    assert [
        "       1  to replay, 1 of them mended",
        "       1  mended with a time or revision of their own",
        "       1  mended over a newer change of their session (--force)",
    ] == capsys.readouterr().out.splitlines()[1:4]


def register_of(failed: Failed) -> Register:
    """Its dead letter alone."""
    register = Register()
    register.add_letters([failed.letter()])
    return register

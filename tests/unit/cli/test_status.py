"""`status`: what is asked of a running consumer, and the exit codes that need no broker."""

import asyncio
import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from click.testing import CliRunner, Result

from consumer.cli.main import cli as main
from consumer.cli.running import duration
from consumer.http import HttpServer, Probes


def picture(**changes: Any) -> dict[str, Any]:
    """One account's part of `/status`."""
    now = datetime.now(UTC)
    return {
        "state": "throttled",
        "since": now.isoformat(),
        "until": (now + timedelta(seconds=250)).isoformat(),
        "reason": "Zoho locked the API (HTTP 400, code 7209)",
        "quota": {
            "requests": 30,
            "share": 0.5,
            "others_in_window": 3,
            "window_seconds": 60.0,
            "used": 12,
            "next_free_at": None,
            "left_today": 14_809,
            "runs_out_at": None,
        },
        "backlog": {
            "events": 120,
            "sessions": 40,
            "oldest_event_at": (now - timedelta(hours=3, minutes=2)).isoformat(),
            "eta_seconds": 725.0,
        },
        "lag": {"a": 100, "a.replay": 20},
    } | changes


async def run(*arguments: str, accounts: dict[str, Any], width: int = 80) -> Result:
    """The command, against a consumer that says this of its accounts."""
    probes = Probes(
        ready=lambda: True,
        status=lambda: {"version": "9", "accounts": accounts},
        metrics=lambda: b"",
    )
    server = HttpServer(probes, "127.0.0.1", 0)
    port = await server.start()
    env = {"CONSUMER_HTTP_PORT": str(port), "COLUMNS": str(width)}
    try:
        return await asyncio.to_thread(CliRunner().invoke, main, ["status", *arguments], env=env)
    finally:
        await server.close()


async def test_the_accounts_of_a_running_consumer_fit_a_terminal() -> None:
    """State, when it opens, calls, what is free of our share, backlog, age, time to drain, lag."""
    result = await run(accounts={"default": picture(state="position_lost"), "b": picture(reason=None)})

    heading, first, second = result.stdout.splitlines()
    headings = "ACCOUNT STATE OPENS CALLS FREE SHARE EVENTS OLDEST DRAIN LAG"
    assert headings == " ".join(heading.split())
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert first.startswith("default  position_lost  4m ")
    assert first.endswith("  12/30  3     50%    120     3h 2m   12m 5s  120")
    assert second.startswith("b        throttled")
    assert [
        "default is position_lost: Zoho locked the API (HTTP 400, code 7209)",
        "  What to do: docs/runbook/position-lost.md",
        "  What to do: docs/runbook/throttled.md",
    ] == result.stderr.splitlines()
    assert result.exit_code == 0


async def test_an_account_that_stands_still_is_told_with_its_page() -> None:
    """Why, and what to do; nothing of one that runs, nor of a state that this release doesn't know."""
    accounts = {
        "a": picture(state="kafka_down", reason="no answer"),
        "b": picture(state="running", reason=None),
        "c": picture(state="of_tomorrow", reason="something new"),
    }
    result = await run(accounts=accounts)

    assert [
        "a is kafka_down: no answer",
        "  What to do: docs/runbook/kafka-down.md",
        "c is of_tomorrow: something new",
    ] == result.stderr.splitlines()


async def test_programs_get_all_of_it_in_flat_rows() -> None:
    """JSON, JSON lines and CSV have the same names."""
    accounts = {"default": picture()}
    rows = json.loads((await run("-o", "json", accounts=accounts)).stdout)
    lines = (await run("-o", "jsonl", accounts=accounts)).stdout
    table = csv.DictReader(io.StringIO((await run("-o", "csv", accounts=accounts)).stdout))

    assert 1 == len(rows)
    assert rows == [json.loads(lines)]
    assert list(rows[0]) == list(next(iter(table)))
    assert (3, 120, 725.0) == (rows[0]["free"], rows[0]["backlog_events"], rows[0]["eta_seconds"])
    assert {"a": 100, "a.replay": 20} == rows[0]["lag"]


async def test_one_account_of_several_can_be_asked_for() -> None:
    """One that isn't served is not found: exit code 1."""
    accounts = {"a": picture(), "b": picture()}

    one = await run("--account", "b", "-o", "jsonl", accounts=accounts)
    none = await run("--account", "c", accounts=accounts)

    assert ["b"] == [json.loads(line)["account"] for line in one.stdout.splitlines()]
    assert (1, "", "The consumer serves no account c.\n") == (none.exit_code, none.stdout, none.stderr)


def test_nobody_who_answers_is_exit_code_3() -> None:
    """An absent consumer is one sentence, not a traceback."""
    # Port 1 is nobody's on loopback.
    result = CliRunner().invoke(main, ["status"], env={"CONSUMER_HTTP_PORT": "1"})

    assert (3, "") == (result.exit_code, result.stdout)
    assert (
        result.stderr
        == "Error: http://127.0.0.1:1 can't be reached (Connection refused); is the consumer running there?\n"
    )


@pytest.mark.parametrize("body", ["", "[]", "{}", "[" * 100_000, "<html>"])
async def test_somebody_else_who_answers_is_exit_code_3(body: str) -> None:
    """Another service at that port is not taken for a consumer."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=body)

    app = web.Application()
    app.add_routes([web.get("/prefix/status", answer)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/prefix/"
    try:
        result = await asyncio.to_thread(CliRunner().invoke, main, ["status", "--url", url])
    finally:
        await runner.cleanup()

    assert (3, f"Error: {url} answers, but not as a consumer does (HTTP 200).\n") == (
        result.exit_code,
        result.stderr,
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--url", "ftp://host"], "--url: must be a URL such as"),
        (["--url", "http://host:port"], "--url: "),
        (["--session", "1/2/3"], "must be COURSE/BATCH/MODULE/SESSION"),
        (["--session", "1/2/3/x"], "must be COURSE/BATCH/MODULE/SESSION"),
        (["--session", "1/2/3/4", "--event", "s", "i"], "give one of them"),
        (["--session", "1/2/3/4", "--url", "http://host"], "outcomes come from Kafka"),
        (["--event", "only-one"], "requires 2 arguments"),
        ([], "--url is missing: CONSUMER_HTTP_PORT is 0"),
    ],
)
def test_wrong_options_are_exit_code_2(arguments: list[str], said: str) -> None:
    """Said before anything is asked."""
    result = CliRunner().invoke(main, ["status", *arguments], env={"CONSUMER_HTTP_PORT": "0"})

    assert (2, "") == (result.exit_code, result.stdout)
    assert said in result.stderr


@pytest.mark.parametrize("arguments", [["--session", "1/2/3/4"], ["--event", "source", "id"]])
def test_outcomes_need_kafka(arguments: list[str]) -> None:
    """Settings are exit code 2, nobody at Kafka's address is 3."""
    missing = CliRunner().invoke(main, ["status", *arguments], env={"CONSUMER_KAFKA_BOOTSTRAP_SERVERS": ""})
    absent = CliRunner().invoke(
        main, ["status", *arguments], env={"CONSUMER_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    )

    assert 2 == missing.exit_code
    assert "CONSUMER_KAFKA_BOOTSTRAP_SERVERS is missing" in missing.stderr
    assert (3, "Error: 127.0.0.1:1 can't be reached (Connection refused).\n") == (
        absent.exit_code,
        absent.stderr,
    )


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-1, "0s"),
        (0.4, "0s"),
        (45, "45s"),
        (725, "12m 5s"),
        (3600, "1h"),
        (10_920, "3h 2m"),
        (187_265, "2d 4h"),
    ],
)
def test_durations_are_said_in_their_two_largest_units(seconds: float, said: str) -> None:
    """Short enough for a column."""
    assert said == duration(seconds)

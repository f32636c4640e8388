"""`check`: exit codes that need no broker, and the table."""

import shutil
import sys
from os import terminal_size

import pytest
from click.testing import CliRunner, Result

from consumer.check.rows import Gravity, Group, Row
from consumer.cli.check_table import summary, table_lines
from consumer.cli.main import cli as main

SETTINGS = {
    "CONSUMER_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "CONSUMER_ZOHO_PEOPLE_URL": "http://127.0.0.1:1",
    "CONSUMER_ZOHO_ACCOUNTS_URL": "http://127.0.0.1:1",
    "CONSUMER_ZOHO_CLIENT_ID": "1000.ABC",
    "CONSUMER_ZOHO_CLIENT_SECRET": "s3cret-client",
    "CONSUMER_ZOHO_REFRESH_TOKEN": "s3cret-refresh",
    "CONSUMER_ZOHO_TIME_ZONE": "Asia/Kolkata",
}


def check(*arguments: str, **changes: str) -> Result:
    """With settings that lead nowhere; port 1 is nobody's on loopback."""
    result = CliRunner().invoke(main, ["check", *arguments], env={**SETTINGS, **changes})
    assert "s3cret" not in result.output
    return result


def test_without_settings_it_says_what_is_missing() -> None:
    """Exit code 2; the rest is not checked, and says why."""
    needed = [name for name in SETTINGS if not name.endswith("_URL")]
    result = check(**dict.fromkeys(needed, ""))

    assert result.exit_code == 2
    for name in needed:
        assert f"  ✗ {name}" in result.stdout
    assert "the settings of Kafka can't be used" in result.stdout
    assert "the credential is not complete" in result.stdout


def test_nobody_there_ends_with_3() -> None:
    """Both Kafka and Zoho; nothing is guessed about what is behind them."""
    result = check()

    assert result.exit_code == 3
    assert result.stdout.count("can't be reached (Connection refused)") == 2
    assert "Kafka does not let us in" in result.stdout
    assert "not minted: the group's record of the tokens can't be read" in result.stdout
    assert "`--mint` asks for one all the same" in result.stdout
    assert result.stderr.endswith("Exit code 3.\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--send", "event.json", "--no-mint"], "the call mints its token"),
        (["--mint", "--no-mint"], "choose one"),
        (["--send", "event.json"], "give --yes"),
        (["--send", "-"], "give --yes"),
        (["--send", "not-there.json", "--yes"], "not-there.json"),
        (["--account", "nobody"], "--account names no account"),
        (["-o", "xml"], "xml"),
    ],
)
def test_options_that_make_no_sense_end_with_2(arguments: list[str], said: str) -> None:
    """Before anything is looked at."""
    result = check(*arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


ROWS: list[Row] = [
    Group("kafka").ok("login", "let in as somebody by a rather long name of a protocol"),
    Group("kafka").bad(Gravity.UNREACHABLE, "broker 1", "can't be reached from here, it seems", "Mend it."),
    Group("rights", "academy").unchecked("topic s", "not told"),
]


def test_the_table_is_whole_without_a_terminal() -> None:
    """Groups with their account, a sign for each row, what to do beneath."""
    assert list(table_lines(ROWS)) == [
        "Kafka",
        "  ✓ login     let in as somebody by a rather long name of a protocol",
        "  ✗ broker 1  can't be reached from here, it seems",
        "    → Mend it.",
        "Rights of academy",
        "  – topic s  not told",
    ]
    assert summary(ROWS) == "1 ✓, 1 ✗, 1 – (not checked). Not well: broker 1."


def test_the_summary_says_whose_row_is_not_well() -> None:
    """Of several accounts two may have the same trouble."""
    rows = [Group("zoho", name).bad(Gravity.REFUSED, "token", "refused", "Mend it.") for name in ("n", "s")]

    assert summary(rows).endswith("Not well: token of n, token of s.")


def test_on_a_terminal_only_what_is_well_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is to be said of a ✗ is said, on lines of its own."""
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: terminal_size((40, 24)))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)

    lines = list(table_lines(ROWS))

    assert max(len(line) for line in lines) <= 40
    assert lines[1] == "  ✓ login     let in as somebody by a r…"
    assert lines[2:5] == ["  ✗ broker 1", "    can't be reached from here, it seems", "    → Mend it."]

"""`session-consumer check`: does it all work from here, and what to do where it doesn't."""

import asyncio
import os
import sys
from collections.abc import Sequence

import click

from consumer.check.looks import look
from consumer.check.rows import Gravity, Row, gravest, without
from consumer.check.secret_texts import secret_texts
from consumer.cli import exit_codes
from consumer.cli.accounts import account_option
from consumer.cli.check_send import check_event, send_rows
from consumer.cli.check_table import summary, table_lines
from consumer.cli.failures import exit_codes_from_errors
from consumer.cli.rows import output_option, write_rows
from consumer.settings import Explanation, SettingsError, explain
from consumer.telemetry import configure_logging, unlogged

_CODES = {
    None: exit_codes.DONE,
    Gravity.FINDING: exit_codes.FINDINGS,
    Gravity.UNREACHABLE: exit_codes.UNREACHABLE,
    Gravity.REFUSED: exit_codes.REFUSED,
    Gravity.SETTINGS: exit_codes.USAGE,
}


@click.command(short_help="Check settings, network, Kafka, topics, rights, clock and Zoho.")
@click.option("--no-mint", is_flag=True, help="Ask Zoho for no access token.")
@click.option("--mint", is_flag=True, help="Ask for one even where a replica owns the account.")
@click.option("--send", "file", metavar="EVENT.json|-", help="Make one real call to Zoho with this event.")
@click.option("--yes", is_flag=True, help="Send without asking.")
@account_option
@output_option
def check(
    *, no_mint: bool, mint: bool, file: str | None, yes: bool, account: str | None, output_format: str
) -> None:
    """Say of every setting where it comes from, and whether all that a consumer needs works from here.

    Without --send it is harmless: it joins no group, reads no record, writes nothing and makes no call
    of the quota. One access token is minted for each account that no replica owns, if the settings are
    good and the group's record can be read and shows fewer than 5 of the 10 that Zoho allows in 10
    minutes; --mint leaves all aside but the 5. A check's own tokens are on no record, so nobody counts
    them, the next check included: repeat it with --no-mint.

    --send changes the session at Zoho. It joins the group as the account's owner, takes its quota over,
    makes one call and leaves; no record is read, no outcome written. Where a consumer owns the account
    it is refused, and the consumer left alone. Ctrl+C or SIGTERM waits for the answer of a call that was
    made, a second one does not; what is known of the call is told all the same.

    Exit codes: 0 all well, 1 findings, 2 settings or options, 3 Kafka or Zoho can't be reached,
    4 refused. Of several the gravest counts: 2, then 4, 3, 1. 130 interrupted, 143 ended by SIGTERM.
    """
    configure_logging("console", "error")
    if no_mint and mint:
        raise click.UsageError("--mint and --no-mint: choose one.")
    if file is not None and (no_mint or mint):
        raise click.UsageError("--send: the call mints its token; leave --mint and --no-mint out.")
    if file is not None and not yes and (file == "-" or not sys.stdin.isatty()):
        raise click.UsageError("--send: there is no terminal to ask on; give --yes.")
    explanation = explain(os.environ)
    with exit_codes_from_errors():
        _require(explanation, account, one=file is not None)
        checked = None if file is None or explanation.problems else check_event(file, account)
    writer = _Writer(output_format, tuple(secret_texts(explanation)))
    why_no_mint = "--no-mint" if no_mint else "" if file is None else "the call mints it"
    signalled: int | None = None
    with unlogged():  # what is logged of a failure is told in a row, in words
        looked = asyncio.run(look(explanation, account, no_mint=why_no_mint, mint=mint))
        writer.add(looked.rows)
        if file is not None:
            rows, signalled = send_rows(explanation, looked, checked, account, yes=yes)
            writer.add(rows)
    writer.finish(signalled)


class _Writer:
    """Writes a table's rows as they come, and all others at the end."""

    def __init__(self, output_format: str, secrets: Sequence[str]) -> None:
        self._format = output_format
        self._secrets = secrets
        self._rows: list[Row] = []

    def add(self, rows: Sequence[Row]) -> None:
        """These were found."""
        shown = without(rows, self._secrets)
        self._rows += shown
        if self._format == "table":
            for line in table_lines(shown):
                click.echo(line)

    def finish(self, signalled: int | None) -> None:
        """End the command with the gravest row's exit code, or the signal's that came."""
        if self._format != "table":
            write_rows([_told(row) for row in self._rows], self._format, {})
        code = _CODES[gravest(self._rows)] if signalled is None else signalled
        click.echo(f"{summary(self._rows)} Exit code {code}.", err=True)
        raise click.exceptions.Exit(code)


def _require(explanation: Explanation, account: str | None, *, one: bool) -> None:
    names = [each.name for each in explanation.accounts]
    listed = ", ".join(names[:20])
    if account is not None and names and account not in names:
        raise SettingsError((f"--account names no account that the settings have: {listed}.",))
    if one and account is None and len(names) > 1:
        raise SettingsError((f"--account is missing: say which one of {listed}.",))


def _told(row: Row) -> dict[str, str | None]:
    return {
        "account": row.account,
        "group": row.group,
        "subject": row.subject,
        "mark": str(row.mark),
        "found": row.found,
        "todo": row.todo,
        "kind": row.gravity.name.lower() if row.gravity is not None else None,
    }

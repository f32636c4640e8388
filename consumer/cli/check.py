"""`session-consumer check`: does it all work from here, and what to do where it doesn't."""

import asyncio
import os

import click

from consumer.check.looks import look
from consumer.check.rows import Gravity, Row, gravest, without
from consumer.check.secret_texts import secret_texts
from consumer.cli import exit_codes
from consumer.cli.accounts import account_option
from consumer.cli.check_table import summary, table_lines
from consumer.cli.failures import exit_codes_from_errors
from consumer.cli.rows import output_option, write_rows
from consumer.settings import Explanation, SettingsError, explain
from consumer.telemetry import configure_logging

_CODES = {
    None: exit_codes.DONE,
    Gravity.FINDING: exit_codes.FINDINGS,
    Gravity.UNREACHABLE: exit_codes.UNREACHABLE,
    Gravity.REFUSED: exit_codes.REFUSED,
    Gravity.SETTINGS: exit_codes.USAGE,
}


@click.command(short_help="Check settings, network, Kafka, topics, rights, clock and Zoho.")
@click.option("--no-mint", is_flag=True, help="Ask Zoho for no access token.")
@account_option
@output_option
def check(*, no_mint: bool, account: str | None, output_format: str) -> None:
    """Say of every setting where it comes from, and whether all that a consumer needs works from here.

    Joins no group, reads no record, writes nothing, makes no call of the quota. One access token is
    minted for each account, where a running consumer can spare it: Zoho allows 10 in 10 minutes.

    Exit codes: 0 all well, 1 findings, 2 settings, 3 Kafka or Zoho can't be reached, 4 refused. Of
    several the gravest counts: 2, then 4, 3, 1.
    """
    configure_logging("console", "error")
    explanation = explain(os.environ)
    with exit_codes_from_errors():
        _require(explanation, account)
    looked = asyncio.run(look(explanation, account, mint=not no_mint))
    rows = without(looked.rows, secret_texts(explanation))
    _write(rows, output_format)
    code = _CODES[gravest(rows)]
    click.echo(f"{summary(rows)} Exit code {code}.", err=True)
    raise click.exceptions.Exit(code)


def _require(explanation: Explanation, account: str | None) -> None:
    names = [each.name for each in explanation.accounts]
    if account is not None and names and account not in names:
        raise SettingsError((f"--account names no account that the settings have: {', '.join(names[:20])}.",))


def _write(rows: list[Row], output_format: str) -> None:
    if output_format == "table":
        for line in table_lines(rows):
            click.echo(line)
        return
    told = (
        {
            "account": row.account,
            "group": row.group,
            "subject": row.subject,
            "mark": str(row.mark),
            "found": row.found,
            "todo": row.todo,
            "kind": row.gravity.name.lower() if row.gravity is not None else None,
        }
        for row in rows
    )
    write_rows(told, output_format, {})

"""The option that says which of several accounts is meant."""

import click

account_option = click.option(
    "--account", metavar="NAME", help="One of the accounts of CONSUMER_ACCOUNTS_FILE [default: all of them]."
)
the_account_option = click.option(
    "--account", metavar="NAME", help="Which account of CONSUMER_ACCOUNTS_FILE; needed where it has several."
)

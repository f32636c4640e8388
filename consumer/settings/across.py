"""What accounts of one file say about each other: a topic or a Zoho account belongs to one of them."""

from collections.abc import Iterator, Sequence
from typing import Any

from consumer.settings.checks import TOPICS
from consumer.settings.reading import Reading, own_name, place

MAX_WARNINGS = 20


def problems_across(accounts: Sequence[Reading]) -> Iterator[str]:
    """Topics and tokens that two accounts have, saying which two."""
    yield from _topics_in_common(accounts)
    yield from _tokens_in_common(accounts)


def warnings_across(accounts: Sequence[Reading]) -> Iterator[str]:
    """Accounts that may be one Zoho account: an OAuth client can serve several, or one by several tokens."""
    owners: dict[Any, Reading] = {}
    warned = 0
    for account in accounts:
        key = (account.values.get("ZOHO_PEOPLE_URL"), account.values.get("ZOHO_CLIENT_ID"))
        owner = owners.setdefault(key, account)
        if owner is not account and None not in key and warned < MAX_WARNINGS:
            warned += 1
            yield (
                f"{_place(account, 'ZOHO_CLIENT_ID')} is the OAuth client of {_own(owner)} at the same Zoho: "
                "if both tokens are of one Zoho account, its quota is used twice and it will lock."
            )


def _topics_in_common(accounts: Sequence[Reading]) -> Iterator[str]:
    owners: dict[str, tuple[Reading, str]] = {}
    for account in accounts:
        same_source = False
        for lane in TOPICS:
            if lane not in account.values:
                continue
            owner, owners_lane = owners.setdefault(account.values[lane], (account, lane))
            follows = lane not in account.given and owners_lane not in owner.given
            if owner is account or (same_source and follows):
                continue
            same_source |= lane == owners_lane == "SOURCE_TOPIC"
            yield (
                f"{_place(account, lane)} {_cause(account, lane, 'names')} the topic of "
                f"{_own(owner, owners_lane)}; a topic belongs to one account only, give it one of its own."
            )


def _tokens_in_common(accounts: Sequence[Reading]) -> Iterator[str]:
    owners: dict[Any, Reading] = {}
    name = "ZOHO_REFRESH_TOKEN"
    for account in accounts:
        if name not in account.values or "ZOHO_ACCOUNTS_URL" not in account.values:
            continue
        token = account.values[name].get_secret_value()
        owner = owners.setdefault((account.values["ZOHO_ACCOUNTS_URL"], token), account)
        if owner is not account:
            yield (
                f"{_place(account, name)} {_cause(account, name, 'has')} the token of {_own(owner)}: one "
                "Zoho account, whose quota would be used twice; give each account a credential of its own."
            )


def _cause(account: Reading, name: str, verb: str) -> str:
    """How the account came to its value."""
    if account.entry is not None and name in account.entry.given:
        return verb
    if name in account.given:
        return f"is missing, and {account.called(name)} {verb}"
    return f"is missing, and by default {verb}"


def _place(account: Reading, name: str) -> str:
    return place(account.file, account.entry, name) if account.entry else account.called(name)


def _own(account: Reading, name: str = "") -> str:
    if account.entry is None:
        return account.called(name)
    return own_name(account.entry, name) if name else f"accounts.{account.entry.name}"

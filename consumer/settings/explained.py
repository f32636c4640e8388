"""Every setting with its value and where it comes from, for whoever wonders; no secret among it."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr, ValidationError

from consumer.settings.load import (
    ACCOUNT_CHECKS,
    Found,
    SettingsError,
    load_kafka_settings,
    problems_in,
    read_all,
    settings_of,
)
from consumer.settings.model import KafkaSettings, Settings, TopicNames
from consumer.settings.reading import SUFFIXES, Reading
from consumer.settings.setting import Setting
from consumer.settings.table import SETTINGS
from consumer.settings.texts import SECRETS_DIR, read_texts

HIDDEN = "(secret)"
# As Zoho's refresh and access tokens are; a client id has one dot.
_TOKEN = re.compile(r"1000\.[0-9a-f]{8,}\.[0-9a-f]{8,}")
_URLS = ("ZOHO_PEOPLE_URL", "ZOHO_ACCOUNTS_URL")


@dataclass(frozen=True, slots=True)
class Explained:
    """A setting as it is. `account` is empty for the process's own, and where there is but one.

    `value` is `(secret)` for a secret that is set, and empty where nothing is set or it can't be used.
    """

    account: str
    called: str
    value: str
    source: str


@dataclass(frozen=True, slots=True)
class AccountValues:
    """What could be read of an account: by the settings' names without prefix, defaults included."""

    name: str
    values: Mapping[str, Any]

    @property
    def topics(self) -> TopicNames | None:
        """Its topics; None where one of their names can't be used."""
        names = {name.lower(): self.values.get(name) for name in ("SOURCE_TOPIC", *SUFFIXES)}
        try:
            return TopicNames.model_validate({"name": self.name, **names})
        except ValidationError:
            return None


@dataclass(frozen=True, slots=True)
class Explanation:
    """All settings, what is wrong with them in the words of `run`, and what of them can be used.

    `settings` is None where anything is wrong, `kafka` where something of Kafka's is.
    """

    explained: tuple[Explained, ...]
    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    settings: Settings | None
    kafka: KafkaSettings | None
    accounts: tuple[AccountValues, ...]


def explain(environ: Mapping[str, str]) -> Explanation:
    """Look at all settings. Never raises for what is in them."""
    found = read_all(environ, SETTINGS)
    problems = problems_in(found, *ACCOUNT_CHECKS)
    kafka: KafkaSettings | None = None
    with suppress(SettingsError):  # among the problems
        kafka = load_kafka_settings(environ)
    return Explanation(
        tuple(_explained(found, environ)),
        problems,
        found.environment.warnings,
        None if problems else settings_of(found),
        kafka,
        tuple(AccountValues(str(each.values["ACCOUNT"]), each.values) for each in found.accounts),
    )


def _explained(found: Found, environ: Mapping[str, str]) -> Iterator[Explained]:
    in_environment, _ = read_texts(
        {name: text for name, text in environ.items() if name != SECRETS_DIR},
        [each.variable for each in SETTINGS],
    )
    for setting in SETTINGS:
        if not setting.of_account and setting.name != "ACCOUNT":
            yield _of(found.process, setting, in_environment, "")
    for account in found.accounts:
        name = str(account.values["ACCOUNT"]) if account.entry else ""
        for setting in SETTINGS:
            if setting.of_account or (setting.name == "ACCOUNT" and account.entry is None):
                yield _of(account, setting, in_environment, name)


def _of(reading: Reading, setting: Setting, in_environment: Mapping[str, str], account: str) -> Explained:
    value = reading.values.get(setting.name)
    return Explained(
        account,
        reading.called(setting.name),
        "" if value is None else _shown(value),
        _source(reading, setting, in_environment, is_there=value is not None),
    )


def _source(reading: Reading, setting: Setting, in_environment: Mapping[str, str], *, is_there: bool) -> str:
    entry = reading.entry
    own = entry.given.get(setting.name) if entry is not None and setting.of_account else None
    if own is not None:
        return f"{reading.file}:{own.line}"
    if setting.name in reading.given:
        in_files = setting.variable not in in_environment
        return f"file in {SECRETS_DIR}" if in_files else "environment"
    if not is_there:
        return "not set"
    if setting.name in SUFFIXES:
        return f"default, from {reading.called('SOURCE_TOPIC')}"
    if setting.name in _URLS:
        return f"default, from {reading.called('ZOHO_DATA_CENTRE')}"
    return "default"


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        return HIDDEN
    if isinstance(value, bool):
        return str(value).lower()
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return "(looks like a token, not shown)" if _TOKEN.search(text) else text

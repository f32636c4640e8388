"""From the environment and the accounts file to settings: all of it good, or every problem at once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from consumer.settings import checks
from consumer.settings.accounts_file import MAX_FILE_BYTES, read_entries
from consumer.settings.across import problems_across, warnings_across
from consumer.settings.model import (
    AccountSettings,
    EventSettings,
    KafkaSettings,
    ReplayNames,
    ReplaySettings,
    Settings,
    TopicNames,
    TopicSettings,
)
from consumer.settings.reading import (
    SUFFIXES,
    Environment,
    Reading,
    read_account,
    read_environment,
    read_plain,
)
from consumer.settings.setting import Setting
from consumer.settings.table import SETTINGS
from consumer.settings.texts import read_bounded

MAX_PROBLEMS = 200
MAX_NAMES = 20
_EVENT_NAMES = frozenset({"ZOHO_DATA_CENTRE", *(name.upper() for name in EventSettings.model_fields)})
_TOPIC_NAMES = frozenset({"SOURCE_TOPIC", *SUFFIXES})
_REPLAY_NAMES = _TOPIC_NAMES | {"QUOTA_REQUESTS", "QUOTA_WINDOW_SECONDS", "REPLAY_SHARE"}
ACCOUNT_CHECKS = (checks.topic_problems, checks.zoho_problems, checks.limit_problems)
# Wanted by everyone: which accounts there are.
_ACCOUNTS = frozenset({"ACCOUNT", "ACCOUNTS_FILE"})


class SettingsError(Exception):
    """The settings can't be used. `problems` are whole sentences; none quotes a value."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Everything `run` needs; SettingsError with every problem."""
    found = read_all(environ, SETTINGS)
    _refuse(found, *ACCOUNT_CHECKS)
    return settings_of(found)


def reload_settings(environ: Mapping[str, str], before: Settings) -> tuple[Settings, tuple[str, ...]]:
    """The settings as they are now, and what is wrong with them: sentences, none quotes a value.

    Of an account that can't be used, or the process, what it was `before`; of everything, where the
    secrets directory or the accounts file can't be used as a whole, or two accounts are mixed up.
    A value that is set in the environment and otherwise as a file is the file's here: it is the one that
    can change at run time.
    """
    found = read_all(environ, SETTINGS, files_win=True)
    problems = problems_in(found, *ACCOUNT_CHECKS)
    files = tuple(dict.fromkeys((*before.files, *found.files)))
    unreadable = {"SECRETS_DIR", "ACCOUNTS_FILE"} & found.environment.wrong
    if unreadable or found.problems or list(problems_across(found.accounts)):
        return before.model_copy(update={"files": files}), problems
    old = {account.name: account for account in before.accounts}
    accounts = [
        _account(each) if _is_good(each, found.process, *ACCOUNT_CHECKS) else old.get(each.values["ACCOUNT"])
        for each in found.accounts
    ]
    usable = tuple(account for account in accounts if account is not None)
    if _is_good(found.process, found.process, checks.kafka_problems):
        return _settings(found, usable), problems
    return before.model_copy(update={"accounts": usable, "files": files}), problems


def settings_of(found: "Found") -> Settings:
    """The settings of what was read, where nothing is wrong with it."""
    return _settings(found, tuple(_account(each) for each in found.accounts))


def _settings(found: "Found", accounts: tuple[AccountSettings, ...]) -> Settings:
    return Settings.model_validate(
        _fields(found.process, Settings)
        | {
            "kafka": _kafka(found.process),
            "accounts": accounts,
            "files": found.files,
            "warnings": (*found.environment.warnings, *warnings_across(found.accounts)),
        }
    )


def _account(reading: Reading) -> AccountSettings:
    return AccountSettings.model_validate(_fields(reading, AccountSettings))


def _is_good(reading: Reading, process: Reading, *own_checks: checks.Check) -> bool:
    """Whether it is complete. What the environment has wrong is given, but has no value."""
    return reading.given <= reading.values.keys() and not reading.with_values(process).problems_of(own_checks)


def load_kafka_settings(environ: Mapping[str, str]) -> KafkaSettings:
    """How to reach Kafka, for commands that need nothing else; SettingsError with every problem."""
    environment = read_environment(environ, kafka := [each for each in SETTINGS if each.group == "Kafka"])
    process = read_plain(environment, kafka)
    _refuse(Found(environment, process, (), ()))
    return _kafka(process)


def load_http_port(environ: Mapping[str, str]) -> int:
    """Where a consumer with these settings answers on this machine; SettingsError with every problem."""
    return int(_http_values(environ, "HTTP_PORT")["HTTP_PORT"])


def load_http_address(environ: Mapping[str, str]) -> tuple[str, int]:
    """The host and port that a consumer with these settings listens on; SettingsError with every problem."""
    values = _http_values(environ, "HTTP_HOST", "HTTP_PORT")
    return str(values["HTTP_HOST"]), int(values["HTTP_PORT"])


def _http_values(environ: Mapping[str, str], *names: str) -> Mapping[str, Any]:
    environment = read_environment(environ, wanted := [each for each in SETTINGS if each.name in names])
    process = read_plain(environment, wanted)
    _refuse(Found(environment, process, (), ()))
    return process.values


def load_topic_settings(
    environ: Mapping[str, str], account: str | None = None, *, one: bool = False
) -> TopicSettings:
    """Kafka and the topics of all accounts, or of `account`, without Zoho; SettingsError with every problem.

    `one`: several accounts and none named is a problem.
    """
    found = read_all(
        environ, (each for each in SETTINGS if each.group == "Kafka" or each.name in _TOPIC_NAMES)
    )
    _refuse(found, checks.topic_problems)
    return TopicSettings(
        kafka=_kafka(found.process),
        accounts=tuple(
            TopicNames.model_validate(_fields(each, AccountSettings, TopicNames))
            for each in _chosen(found.accounts, account, one=one)
        ),
        warnings=found.environment.warnings,
    )


def load_replay_settings(environ: Mapping[str, str], account: str | None = None) -> ReplaySettings:
    """Kafka, one account's topics and quota, without Zoho; SettingsError with every problem.

    `account` is needed where there are several.
    """
    found = read_all(
        environ, (each for each in SETTINGS if each.group == "Kafka" or each.name in _REPLAY_NAMES)
    )
    _refuse(found, checks.topic_problems)
    (reading,) = _chosen(found.accounts, account, one=True)
    return ReplaySettings(
        kafka=_kafka(found.process),
        account=ReplayNames.model_validate(_fields(reading, AccountSettings, ReplayNames)),
        warnings=found.environment.warnings,
    )


def load_event_settings(environ: Mapping[str, str], account: str | None = None) -> EventSettings:
    """What decides whether an event is good, none of it required; SettingsError with every problem.

    `account` is needed where there are several. Where Zoho is may be given by its URL alone here: only
    the path counts.
    """
    found = read_all(environ, (each for each in SETTINGS if each.name in _EVENT_NAMES), all_required=False)
    _refuse(found)
    (reading,) = _chosen(found.accounts, account, one=True)
    return EventSettings.model_validate(_fields(reading, AccountSettings, EventSettings))


@dataclass(frozen=True, slots=True)
class Found:
    """All that was read. `problems`: those of the accounts file as a whole."""

    environment: Environment
    process: Reading
    accounts: tuple[Reading, ...]
    problems: tuple[str, ...]

    @property
    def files(self) -> tuple[str, ...]:
        """Every file that was read, or would be if it were there."""
        file = self.environment.given.get("ACCOUNTS_FILE")
        own = (each for account in self.accounts for each in account.files)
        return tuple(dict.fromkeys((*self.environment.files, *([file] if file else []), *own)))


def read_all(
    environ: Mapping[str, str],
    wanted: Iterable[Setting],
    *,
    all_required: bool = True,
    files_win: bool = False,
) -> Found:
    names = {setting.name for setting in wanted} | _ACCOUNTS
    settings = [setting for setting in SETTINGS if setting.name in names]
    environment = read_environment(environ, settings, files_win=files_win)
    accounts_only = [each for each in settings if each.of_account or each.name == "ACCOUNT"]
    process = read_plain(environment, [each for each in settings if each not in accounts_only])
    if "ACCOUNTS_FILE" in environment.wrong:
        return Found(environment, process, (), ())
    file = environment.given.get("ACCOUNTS_FILE")
    if file is None:
        return Found(
            environment, process, (read_plain(environment, accounts_only, all_required=all_required),), ()
        )
    try:
        entries, problems = read_entries(read_bounded(file, MAX_FILE_BYTES), file)
    except (FileNotFoundError, ValueError) as exc:
        why = "doesn't exist any more." if isinstance(exc, FileNotFoundError) else str(exc)
        return Found(environment, process, (), (f"CONSUMER_ACCOUNTS_FILE names a file that {why}",))
    if "ACCOUNT" in environment.given:
        problems.append(
            "CONSUMER_ACCOUNT is set, but the accounts have their names in CONSUMER_ACCOUNTS_FILE; unset it."
        )
    accounts = tuple(
        read_account(environment, entry, file, accounts_only, all_required=all_required) for entry in entries
    )
    return Found(environment, process, accounts, tuple(problems))


def _refuse(found: Found, *account_checks: checks.Check) -> None:
    if problems := problems_in(found, *account_checks):
        # A mistyped name is the likely cause of a missing one, so it is said here too.
        raise SettingsError((*problems, *found.environment.warnings))


def problems_in(found: Found, *account_checks: checks.Check) -> tuple[str, ...]:
    problems = [*found.environment.problems, *found.process.problems_of([checks.kafka_problems])]
    problems += found.problems
    for account in found.accounts:
        problems += account.with_values(found.process).problems_of(account_checks)
    problems += problems_across(found.accounts)
    # What the environment has wrong for all accounts is said once.
    problems = list(dict.fromkeys(problems))
    if len(problems) > MAX_PROBLEMS:
        problems[MAX_PROBLEMS:] = [f"And {len(problems) - MAX_PROBLEMS} more problems; mend these first."]
    return tuple(problems)


def _chosen(accounts: Sequence[Reading], name: str | None, *, one: bool) -> Sequence[Reading]:
    there = [str(account.values["ACCOUNT"]) for account in accounts]
    listed = ", ".join(there[:MAX_NAMES]) + (", …" if len(there) > MAX_NAMES else "")
    if name is not None:
        accounts = [account for account in accounts if account.values["ACCOUNT"] == name]
        if not accounts:
            raise SettingsError((f"--account names no account that the settings have: {listed}.",))
    elif one and len(accounts) > 1:
        raise SettingsError((f"--account is missing: say which one of {listed}.",))
    return accounts


def _kafka(reading: Reading) -> KafkaSettings:
    return KafkaSettings.model_validate(_fields(reading, KafkaSettings))


def _fields(
    reading: Reading, model: type[BaseModel], wanted: type[BaseModel] | None = None
) -> dict[str, Any]:
    """The values that belong to `model`, by its fields' names, or those of them that `wanted` has too.

    What was not read is left to the model's default.
    """
    return {
        setting.field: reading.values[setting.name]
        for setting in SETTINGS
        if setting.model is model
        and setting.name in reading.values
        and setting.field in (wanted or model).model_fields
    }

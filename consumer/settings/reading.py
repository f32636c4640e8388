"""From texts to values: the environment's, and over them those of an account of the accounts file."""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from consumer.settings.accounts_file import Entry, Given
from consumer.settings.checks import Check, Problem
from consumer.settings.setting import PREFIX, Setting
from consumer.settings.table import SETTINGS
from consumer.settings.texts import (
    MAX_FILE_BYTES,
    SECRETS_DIR,
    read_bounded,
    read_texts,
    setting_file,
    unknown_variables,
)
from consumer.settings.values import readable_file
from consumer.settings.zoho_urls import DATA_CENTRES

SUFFIXES = {"DEAD_LETTER_TOPIC": ".dlq", "REPLAY_TOPIC": ".replay", "OUTCOMES_TOPIC": ".outcomes"}
_URLS = ("ZOHO_PEOPLE_URL", "ZOHO_ACCOUNTS_URL")
# Together they say one thing: an account that says it takes none of them from the environment.
_WHERE_ZOHO_IS = frozenset({"ZOHO_DATA_CENTRE", *_URLS})
_BY_NAME = {setting.name: setting for setting in SETTINGS}


@dataclass(frozen=True, slots=True)
class Environment:
    """What the environment and the secrets directory say. `given`: values by name without prefix.

    `wrong`: names whose value can't be used, each with a problem. `files`: what was read, or would be.
    """

    given: Mapping[str, Any]
    wrong: frozenset[str]
    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """One account's values, or the process's: by name without prefix, defaults included.

    `given` has the names that are set somewhere. `entry`: the account's part of the accounts `file`,
    None where all comes from the environment.
    """

    values: Mapping[str, Any]
    given: Set[str]
    problems: tuple[str, ...]
    file: str = ""
    entry: Entry | None = None
    files: tuple[str, ...] = ()

    def called(self, name: str) -> str:
        """The name by which whoever set this setting, or should, knows it."""
        if self.entry is None or not _BY_NAME[name].of_account:
            return PREFIX + name
        # Half of where Zoho is stands in the environment: so does the other half.
        shares = name in _WHERE_ZOHO_IS and not _WHERE_ZOHO_IS & self.entry.given.keys()
        if name not in self.entry.given and (name in self.given or shares):
            return PREFIX + name
        return own_name(self.entry, name)

    def with_values(self, others: "Reading") -> "Reading":
        """The same, seen beside the process's values: some checks compare the two."""
        return replace(self, values={**others.values, **self.values})

    def problems_of(self, checks: Iterable[Check]) -> list[str]:
        """What is wrong with it, as whole sentences."""
        found = [problem for check in checks for problem in check(self.values, self.given, self.called)]
        return [*self.problems, *(self._said(problem) for problem in found)]

    def _said(self, problem: Problem) -> str:
        called = self.called(problem.name)
        if self.entry is None or called.startswith(PREFIX):
            return f"{called} {problem.sentence}"
        return f"{place(self.file, self.entry, problem.name)} {problem.sentence}"


def own_name(entry: Entry, name: str) -> str:
    """`accounts.academy.zoho_time_zone`."""
    return f"accounts.{entry.name}.{_BY_NAME[name].account_key}"


def place(file: str, entry: Entry, name: str) -> str:
    """`FILE:LINE accounts.academy.zoho_time_zone`."""
    given = entry.given.get(name)
    return f"{file}:{given.line if given else entry.line} {own_name(entry, name)}"


def read_environment(
    environ: Mapping[str, str], wanted: Iterable[Setting], *, files_win: bool = False
) -> Environment:
    """The values that the environment gives for these settings."""
    settings = tuple(wanted)
    variables = [setting.variable for setting in settings]
    # The directory is looked at even by those who don't want its name: it holds what they want.
    texts, problems = read_texts(environ, variables, files_win=files_win)
    wrong = {problem.split()[0].removeprefix(PREFIX) for problem in problems}
    given: dict[str, Any] = {}
    for setting in settings:
        if setting.variable not in texts:
            continue
        try:
            given[setting.name] = setting.wrap(setting.parse(texts[setting.variable]))
        except ValueError as exc:
            problems.append(f"{setting.variable} {exc}.")
            wrong.add(setting.name)
    directory = environ.get(SECRETS_DIR, "")
    files = [setting_file(directory, each) for each in variables if directory and each != SECRETS_DIR]
    return Environment(given, frozenset(wrong), tuple(problems), unknown_variables(environ), tuple(files))


def read_plain(environment: Environment, wanted: Iterable[Setting], *, all_required: bool = True) -> Reading:
    """These settings as the environment has them. Its own problems are not repeated."""
    settings = tuple(wanted)
    names = {setting.name for setting in settings}
    given = {name: value for name, value in environment.given.items() if name in names}
    wrong = environment.wrong & names
    missing = [
        f"{setting.variable} is missing or empty. {setting.meaning}"
        for setting in settings
        if all_required and setting.required and setting.name not in given.keys() | wrong
    ]
    return Reading(_completed(given, wrong, settings), given.keys() | wrong, tuple(missing))


def read_account(
    environment: Environment, entry: Entry, file: str, wanted: Iterable[Setting], *, all_required: bool = True
) -> Reading:
    """An account: what its entry says, the environment for the rest, then defaults."""
    settings = tuple(setting for setting in wanted if setting.of_account)
    names = {setting.name for setting in settings}
    own: dict[str, Any] = {}
    problems: list[str] = []
    files: list[str] = []
    for setting in settings:
        value = entry.given.get(setting.name)
        if value is None:
            continue
        if setting.secret:
            files.append(_secret_file(file, value))
        try:
            text = _secret(files[-1]) if setting.secret else value.text
            own[setting.name] = setting.wrap(setting.parse(text))
        except ValueError as exc:
            problems.append(f"{place(file, entry, setting.name)} {str(exc).removesuffix('.')}.")
    from_environment = names - entry.given.keys()
    if _WHERE_ZOHO_IS & entry.given.keys():
        from_environment -= _WHERE_ZOHO_IS
    given = {name: value for name, value in environment.given.items() if name in from_environment} | own
    wrong = (environment.wrong & from_environment) | (entry.given.keys() & names) - own.keys()
    problems += [
        f"{place(file, entry, setting.name)} is missing: set it, or {setting.variable} for all accounts. "
        f"{setting.meaning}"
        for setting in settings
        if all_required and setting.required and setting.name not in given.keys() | wrong
    ]
    values = _completed(given, wrong, settings) | {"ACCOUNT": entry.name}
    return Reading(values, given.keys() | wrong, tuple(problems), file, entry, tuple(files))


def _secret_file(accounts_file: str, value: Given) -> str:
    """A relative path starts at the accounts file's directory."""
    return str(Path(accounts_file).parent / value.text)


def _secret(path: str) -> str:
    readable_file(path)
    try:
        text = read_bounded(path, MAX_FILE_BYTES)
    except FileNotFoundError:
        raise ValueError("names a file that doesn't exist; check the path and the mount") from None
    except ValueError as exc:
        raise ValueError(f"names a file that {exc}") from None
    if not text:
        raise ValueError("names a file that is empty; write the secret into it")
    return text


def _completed(given: Mapping[str, Any], wrong: Set[str], wanted: Iterable[Setting]) -> dict[str, Any]:
    """With defaults, topics named after the source topic, and URLs of the data centre.

    What could not be read is left out, with all that would be made from it.
    """
    values: dict[str, Any] = {
        setting.name: setting.default
        for setting in wanted
        if setting.default is not None and setting.name not in wrong
    }
    values.update(given)
    for name, suffix in SUFFIXES.items():
        if "SOURCE_TOPIC" in values and name not in given.keys() | wrong:
            values[name] = values["SOURCE_TOPIC"] + suffix
    if not given.keys() & set(_URLS) and not wrong & _WHERE_ZOHO_IS:
        centre = DATA_CENTRES[values.get("ZOHO_DATA_CENTRE", "com")]
        values |= dict(zip(_URLS, centre, strict=True))
    return values

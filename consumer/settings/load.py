"""From the environment to settings: all of it good, or every problem at once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from consumer.settings import checks
from consumer.settings.model import (
    AccountSettings,
    EventSettings,
    KafkaSettings,
    Settings,
    TopicNames,
    TopicSettings,
)
from consumer.settings.setting import PREFIX, Setting
from consumer.settings.table import SETTINGS
from consumer.settings.texts import files_of, read_texts, unknown_variables
from consumer.settings.values import Parse
from consumer.settings.zoho_urls import DATA_CENTRES

_SUFFIXES = {"DEAD_LETTER_TOPIC": ".dlq", "REPLAY_TOPIC": ".replay", "OUTCOMES_TOPIC": ".outcomes"}
_URLS = ("ZOHO_PEOPLE_URL", "ZOHO_ACCOUNTS_URL")
_EVENT_NAMES = frozenset(name.upper() for name in EventSettings.model_fields)
_TOPIC_NAMES = frozenset({"ACCOUNT", "SOURCE_TOPIC", *_SUFFIXES})


class SettingsError(Exception):
    """The settings can't be used. `problems` are whole sentences; none quotes a value."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load_settings(environ: Mapping[str, str], *, files_win: bool = False) -> Settings:
    """Everything `run` needs; SettingsError with every problem.

    `files_win`: a file counts where a variable says something else, which is a problem otherwise.
    """
    reading = _read(environ, SETTINGS, files_win=files_win)
    _refuse(
        reading,
        checks.kafka_problems,
        checks.topic_problems,
        checks.zoho_problems,
        checks.limit_problems,
        checks.accounts_file_problems,
    )
    return Settings.model_validate(
        _fields(reading, Settings)
        | {
            "kafka": _kafka(reading),
            "accounts": (AccountSettings.model_validate(_fields(reading, AccountSettings)),),
            "warnings": reading.warnings,
            "files": files_of(environ, [setting.variable for setting in SETTINGS]),
        }
    )


def load_kafka_settings(environ: Mapping[str, str]) -> KafkaSettings:
    """How to reach Kafka, for commands that need nothing else; SettingsError with every problem."""
    reading = _read(environ, (setting for setting in SETTINGS if setting.group == "Kafka"))
    _refuse(reading, checks.kafka_problems)
    return _kafka(reading)


def load_topic_settings(environ: Mapping[str, str]) -> TopicSettings:
    """Kafka and the account's topics, without Zoho; SettingsError with every problem."""
    wanted = (setting for setting in SETTINGS if setting.group == "Kafka" or setting.name in _TOPIC_NAMES)
    reading = _read(environ, wanted)
    _refuse(reading, checks.kafka_problems, checks.topic_problems)
    return TopicSettings(
        kafka=_kafka(reading),
        topics=TopicNames.model_validate(_fields(reading, AccountSettings, TopicNames)),
        warnings=reading.warnings,
    )


def load_event_settings(environ: Mapping[str, str]) -> EventSettings:
    """What decides whether an event is good, none of it required; SettingsError with every problem.

    Where Zoho is may be given by its URL alone here: only the path counts.
    """
    wanted = (s for s in SETTINGS if s.name in _EVENT_NAMES or s.name == "ZOHO_DATA_CENTRE")
    reading = _read(environ, wanted, everything_required=False)
    _refuse(reading)
    return EventSettings.model_validate(_fields(reading, AccountSettings, EventSettings))


@dataclass(frozen=True, slots=True)
class _Reading:
    """Values by name without prefix, defaults included; which names were given; what is wrong so far."""

    values: Mapping[str, Any]
    given: frozenset[str]
    problems: tuple[str, ...]
    warnings: tuple[str, ...]


def _read(
    environ: Mapping[str, str],
    settings: Iterable[Setting],
    *,
    everything_required: bool = True,
    files_win: bool = False,
) -> _Reading:
    wanted = tuple(settings)
    # The directory is looked at even by those who don't want its name: it holds what they want.
    texts, problems = read_texts(environ, [setting.variable for setting in wanted], files_win=files_win)
    values: dict[str, Any] = {}
    for setting in wanted:
        text = texts.get(setting.variable)
        if text is None:
            if setting.default is not None:
                values[setting.name] = setting.default
            elif setting.required and everything_required and not _named(problems, setting.variable):
                problems.append(f"{setting.variable} is missing or empty. {setting.meaning}")
            continue
        value, problem = _parse(setting.parse, text)
        if problem:
            problems.append(f"{setting.variable} {problem}.")
        else:
            values[setting.name] = setting.wrap(value)
    given = frozenset(variable.removeprefix(PREFIX) for variable in texts)
    return _Reading(_with_derived(values, given), given, tuple(problems), unknown_variables(environ))


def _named(problems: list[str], variable: str) -> bool:
    return any(problem.startswith(variable + " ") for problem in problems)


def _parse(parse: Parse, text: str) -> tuple[object, str]:
    try:
        return parse(text), ""
    except ValueError as exc:
        return None, str(exc)


def _with_derived(values: dict[str, Any], given: frozenset[str]) -> dict[str, Any]:
    """Topics named after the source topic, and URLs of the data centre."""
    for name, suffix in _SUFFIXES.items():
        if "SOURCE_TOPIC" in values and name not in given:
            values[name] = values["SOURCE_TOPIC"] + suffix
    if not given & set(_URLS):
        centre = DATA_CENTRES[values.get("ZOHO_DATA_CENTRE", "com")]
        values |= dict(zip(_URLS, centre, strict=True))
    return values


def _refuse(reading: _Reading, *checks_to_run: checks.Check) -> None:
    problems = list(reading.problems)
    for check in checks_to_run:
        problems += check(reading.values, reading.given)
    if problems:
        # A mistyped name is the likely cause of a missing one, so it is said here too.
        raise SettingsError((*problems, *reading.warnings))


def _kafka(reading: _Reading) -> KafkaSettings:
    return KafkaSettings.model_validate(_fields(reading, KafkaSettings))


def _fields(
    reading: _Reading, model: type[BaseModel], wanted: type[BaseModel] | None = None
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

"""How the program's settings appear in the chart: `config`, an account's `config`, and the secrets."""

import re
from collections.abc import Iterator

from consumer.settings.setting import PREFIX, Setting
from consumer.settings.table import GROUPS, SETTINGS
from consumer.settings.values import Choice

# The chart sets these itself, to where it mounts things.
SET_BY_CHART = frozenset(
    {"ACCOUNTS_FILE", "SECRETS_DIR", "KAFKA_SSL_CA_FILE", "KAFKA_SSL_CERT_FILE", "KAFKA_SSL_KEY_FILE"}
)
# The templates read these, or nobody can do without: they stand in values.yaml, with the program's defaults.
STANDING = (
    "KAFKA_BOOTSTRAP_SERVERS",
    "KAFKA_GROUP_ID",
    "KAFKA_SECURITY_PROTOCOL",
    "KAFKA_SESSION_TIMEOUT_SECONDS",
    "SOURCE_TOPIC",
    "ZOHO_TIME_ZONE",
    "ZOHO_TIMEOUT_SECONDS",
    "BACKLOG_BYTES",
    "MAX_EVENT_BYTES",
    "HTTP_PORT",
    "SHUTDOWN_SECONDS",
)
# An account's secrets are files in the accounts file.
ACCOUNT_SECRETS = tuple(s.variable for s in SETTINGS if s.secret and s.of_account)
CONFIG = tuple(s for s in SETTINGS if not s.secret and s.name not in SET_BY_CHART)
ACCOUNT_CONFIG = tuple(s for s in CONFIG if s.of_account)
# What External Secrets may fetch for all: a setting that is a variable too would contradict its file.
NAMES_IN_SECRET = frozenset({"ZOHO_CLIENT_ID", "KAFKA_SASL_USERNAME"})
IN_SECRET = tuple(s.variable for s in SETTINGS if s.secret or s.name in NAMES_IN_SECRET)

_BLOCK = re.compile(r"(?<=# begin: from consumer/settings \(make generate\)\n).*?(?=^ *# end:)", re.S | re.M)
_LINE = 118


def key(setting: Setting) -> str:
    """Its key in `config`: as in the accounts file."""
    return setting.name.lower()


def config_block(text: str) -> str:
    """values.yaml with its settings as the table has them now."""
    return _BLOCK.sub(lambda _: "".join(f"  {line}\n" for line in _settings()), text)


def explained(setting: Setting) -> str:
    """What it is, with its unit; links and later releases are the settings page's."""
    text = setting.meaning
    if isinstance(setting.parse, Choice) and "off" in setting.parse.allowed:
        text += ' Write "off" in quotes.'
    return f"{text} Unit: {setting.unit}." if setting.unit else text


def _settings() -> Iterator[str]:
    for group in GROUPS:
        for setting in CONFIG:
            if setting.group == group:
                yield from _wrapped(explained(setting))
                yield _assignment(setting)


def _assignment(setting: Setting) -> str:
    default = setting.default
    if setting.name in STANDING:
        return f"{key(setting)}: {yaml_text(default)}"
    text = setting.default_text
    return f"# {key(setting)}: {text.strip('`') if text.startswith('`') else yaml_text(default)}"


def yaml_text(default: object) -> str:
    """A default as it is written in values.yaml."""
    match default:
        case None:
            return '""'
        case bool():
            return str(default).lower()
        case float():
            return f"{default:g}"
        case str() if default in {"off", "on", "yes", "no"}:
            return f'"{default}"'
        case _:
            return str(default)


def _wrapped(text: str) -> Iterator[str]:
    line = "#"
    for word in text.split():
        if len(line) + 1 + len(word) > _LINE:
            yield line
            line = "#"
        line += f" {word}"
    yield line


def variable(config_key: str) -> str:
    """The environment variable of a key in `config`."""
    return PREFIX + config_key.upper()

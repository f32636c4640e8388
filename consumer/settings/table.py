"""Every setting, declared once: what reads it, checks it and explains it is driven by this table."""

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import BaseModel, SecretStr

from consumer.settings import values
from consumer.settings.model import AccountSettings, KafkaSettings, Settings
from consumer.settings.values import Parse, choice, decimal, integer
from consumer.settings.zoho_urls import DATA_CENTRES, check_url

PREFIX = "CONSUMER_"

GROUPS = ("Kafka", "Topics", "Zoho", "Quota", "Delivery", "Events", "Process")

_DAY_SECONDS = 86_400
_GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting.

    `name` is without the prefix. `model` and `field` say where its value ends up (None: it only
    steers the reading). `unit` is empty where there is none. `default_text` explains a default that
    is made from other settings. `used_from` names the release that uses it, where this one does not.
    """

    name: str
    group: str
    parse: Parse
    meaning: str
    unit: str = ""
    model: type[BaseModel] | None = None
    field: str = ""
    required: bool = False
    default_text: str = ""
    used_from: str = ""

    @property
    def variable(self) -> str:
        """The name of the environment variable and of the file."""
        return PREFIX + self.name

    @property
    def secret(self) -> bool:
        """Whether the value must never be shown."""
        return self.model is not None and "SecretStr" in str(self.model.model_fields[self.field].annotation)

    @property
    def default(self) -> object:
        """The value where it isn't set; None where there is none, or it is made from other settings."""
        if self.model is None or self.default_text:
            return None
        field = self.model.model_fields[self.field]
        return None if field.is_required() else field.default

    def wrap(self, value: object) -> object:
        """The value as the model holds it."""
        return SecretStr(str(value)) if self.secret else value


def _kafka(name: str, parse: Parse, meaning: str, unit: str = "", *, required: bool = False) -> Setting:
    field = name.removeprefix("KAFKA_").lower()
    return Setting(name, "Kafka", parse, meaning, unit, KafkaSettings, field, required)


def _account(
    name: str,
    group: str,
    parse: Parse,
    meaning: str,
    unit: str = "",
    *,
    field: str = "",
    required: bool = False,
    default_text: str = "",
    used_from: str = "",
) -> Setting:
    field = field or name.lower()
    return Setting(
        name, group, parse, meaning, unit, AccountSettings, field, required, default_text, used_from
    )


def _process(name: str, parse: Parse, meaning: str, unit: str = "", *, group: str = "Process") -> Setting:
    return Setting(name, group, parse, meaning, unit, Settings, name.lower())


def _all() -> Iterator[Setting]:
    yield from _kafka_settings()
    yield from _topic_settings()
    yield from _zoho_settings()
    yield from _quota_settings()
    yield from _delivery_settings()
    yield from _event_settings()
    yield from _process_settings()


def _kafka_settings() -> Iterator[Setting]:
    yield _kafka(
        "KAFKA_BOOTSTRAP_SERVERS",
        values.bootstrap_servers,
        "Where Kafka is: `host:port`, several with commas between.",
        required=True,
    )
    yield _kafka(
        "KAFKA_GROUP_ID", values.plain_text, "The consumer group; its offsets hold the quota's state too."
    )
    yield _kafka(
        "KAFKA_SECURITY_PROTOCOL",
        choice("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
        "`PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`.",
    )
    yield _kafka(
        "KAFKA_SASL_MECHANISM",
        choice("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"),
        "`PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`; needed with the two SASL protocols.",
    )
    yield _kafka("KAFKA_SASL_USERNAME", values.plain_text, "The user; needed with the two SASL protocols.")
    yield _kafka("KAFKA_SASL_PASSWORD", values.password, "The password; needed with the two SASL protocols.")
    yield _kafka(
        "KAFKA_SSL_CA_FILE",
        values.readable_file,
        "PEM file of the authorities that may sign the brokers' certificates; unset: those of the system.",
    )
    yield _kafka(
        "KAFKA_SSL_CERT_FILE",
        values.readable_file,
        "PEM file of our own certificate, where the brokers ask for one; goes with the key file.",
    )
    yield _kafka(
        "KAFKA_SSL_KEY_FILE", values.readable_file, "PEM file of that certificate's key, without a password."
    )
    yield _kafka(
        "KAFKA_SESSION_TIMEOUT_SECONDS",
        decimal(1, 300),
        "After this long without a heartbeat another replica takes over. "
        "The broker's `group.min.session.timeout.ms` bounds it below.",
        "seconds",
    )


def _topic_settings() -> Iterator[Setting]:
    yield _account("SOURCE_TOPIC", "Topics", values.topic, "The events. Upstream owns it; it is only read.")
    yield _account(
        "DEAD_LETTER_TOPIC",
        "Topics",
        values.topic,
        "Where records go that can't be applied, with the reason.",
        default_text="`<source>.dlq`",
    )
    yield _account(
        "REPLAY_TOPIC",
        "Topics",
        values.topic,
        "The retry lane of replayed dead letters.",
        default_text="`<source>.replay`",
        used_from="the release with `dlq replay`",
    )
    yield _account(
        "OUTCOMES_TOPIC",
        "Topics",
        values.topic,
        "What became of every event; compacted.",
        default_text="`<source>.outcomes`",
        used_from="the release with outcomes",
    )
    yield _process(
        "CREATE_TOPICS",
        values.yes_or_no,
        "`true`: `run` creates missing topics; `false`: it ends and says which command does.",
        group="Topics",
    )
    yield _account(
        "START_FROM",
        "Topics",
        choice("earliest", "latest"),
        "Where a group without any position begins, once: `earliest` or `latest`.",
    )


def _zoho_settings() -> Iterator[Setting]:
    yield Setting(
        "ZOHO_DATA_CENTRE",
        "Zoho",
        choice(*DATA_CENTRES),
        "Where the portal lives: " + ", ".join(f"`{name}`" for name in DATA_CENTRES) + ". Or give both URLs.",
        default_text="`com`",
    )
    yield _account(
        "ZOHO_PEOPLE_URL",
        "Zoho",
        check_url,
        "The API's URL, instead of a data centre; https, or http on loopback.",
        default_text="of the data centre",
    )
    yield _account(
        "ZOHO_ACCOUNTS_URL",
        "Zoho",
        check_url,
        "The URL that gives access tokens, instead of a data centre.",
        default_text="of the data centre",
    )
    yield _account("ZOHO_CLIENT_ID", "Zoho", values.visible, "The OAuth client's id.", required=True)
    yield _account("ZOHO_CLIENT_SECRET", "Zoho", values.visible, "Goes with the client id.", required=True)
    yield _account(
        "ZOHO_REFRESH_TOKEN",
        "Zoho",
        values.visible,
        "A refresh token with the scope `ZOHOPEOPLE.training.ALL` or `.UPDATE`.",
        required=True,
    )
    yield _account(
        "ZOHO_TIME_ZONE",
        "Zoho",
        values.time_zone,
        "The portal's time zone, as in the IANA database. A wrong zone moves every session.",
        "IANA name",
        required=True,
    )
    yield _account(
        "ZOHO_INPUT",
        "Zoho",
        choice("query", "json", "form", "both"),
        "How `sessionData` is sent: `query`, `json` (body), `form` (body) or `both` (query and json).",
    )
    yield _account(
        "ZOHO_TIMEOUT_SECONDS",
        "Zoho",
        decimal(0.1, 300),
        "Limit of one whole call, at least 5 s below `CONSUMER_SHUTDOWN_SECONDS`.",
        "seconds",
    )
    yield _account(
        "ZOHO_VERIFY_ECHO",
        "Zoho",
        choice("warn", "hold", "off"),
        "A success that shows another session id, date or time than was sent: `warn`, `hold` or `off`.",
    )


def _quota_settings() -> Iterator[Setting]:
    group = "Quota"
    yield _account("QUOTA_REQUESTS", group, integer(1, 200), "Calls that Zoho allows in one window.", "calls")
    yield _account(
        "QUOTA_WINDOW_SECONDS", group, decimal(0.05, _DAY_SECONDS), "The window's length.", "seconds"
    )
    yield _account(
        "QUOTA_LOCK_SECONDS",
        group,
        decimal(0.05, _DAY_SECONDS),
        "How long Zoho locks the API once it saw a call too many.",
        "seconds",
    )
    yield _account(
        "QUOTA_DAILY_REQUESTS",
        group,
        integer(0, 10_000_000),
        "Calls a day; 0: only what Zoho's answers say.",
        "calls",
    )
    yield _account(
        "QUOTA_DAILY_RESERVE",
        group,
        integer(0, 10_000_000),
        "Calls of the day that are left to others.",
        "calls",
        used_from="the release with the quota across restarts",
    )
    yield _account(
        "QUOTA_CLOCK_MARGIN_SECONDS",
        group,
        decimal(0, 600),
        "Added to times that another process recorded: how far two replicas' clocks may differ.",
        "seconds",
        used_from="the release with the quota across restarts",
    )
    yield _account(
        "QUOTA_ABORT_MARGIN_SECONDS",
        group,
        decimal(0, 600),
        "A call without an answer counts as answered this long after it was given up: it may still arrive.",
        "seconds",
    )


def _delivery_settings() -> Iterator[Setting]:
    group = "Delivery"
    yield _account("CONCURRENCY", group, integer(1, 200), "Calls at once, one for each session.", "calls")
    yield _account(
        "ATTEMPTS",
        group,
        integer(1, 100),
        "Failed attempts of one event, while others succeed, before it is dead-lettered.",
        "calls",
    )
    yield _account(
        "REFUSALS_BEFORE_HOLD",
        group,
        integer(0, 10_000),
        "Events refused in a row before the account is held as `suspect`; 0: never. "
        "Its file is read again while `run` runs.",
        "events",
    )
    yield _account("BACKLOG_EVENTS", group, integer(1, 1_000_000), "Events held in memory at most.", "events")
    yield _account(
        "BACKLOG_BYTES",
        group,
        integer(65_536, 16 * _GIB),
        "Memory for events that wait, at most; room for at least one event of `CONSUMER_MAX_EVENT_BYTES`.",
        "bytes",
    )
    yield _account(
        "ORDER",
        group,
        choice("oldest", "soonest"),
        "Whose turn it is: the `oldest` event's, or that of the session that starts `soonest`.",
        used_from="the release with merging",
    )
    yield _account(
        "LEDGER_DAYS",
        group,
        integer(1, 3_650),
        "How long a session's last applied event is remembered.",
        "days",
        used_from="the release with outcomes",
    )
    yield _account(
        "REPLAY_SHARE",
        group,
        decimal(0.01, 1),
        "The share of the quota that replays may take while events wait.",
        "share of 1",
        used_from="the release with `dlq replay`",
    )


def _event_settings() -> Iterator[Setting]:
    yield _account(
        "OTHER_EVENT_TYPES",
        "Events",
        choice("dead-letter", "skip"),
        "CloudEvents of another type: `dead-letter` or `skip`.",
    )
    yield _account(
        "MAX_EVENT_BYTES", "Events", integer(1_024, 16_777_216), "Size of a value at most.", "bytes"
    )
    yield _account(
        "MAX_CLOCK_SKEW_SECONDS",
        "Events",
        decimal(0, _DAY_SECONDS),
        "How far an event's `time` may be ahead of our clock and of its record's timestamp.",
        "seconds",
    )


def _process_settings() -> Iterator[Setting]:
    yield _process("HTTP_HOST", values.http_host, "The address that health, metrics and status listen on.")
    yield _process("HTTP_PORT", integer(0, 65_535), "Their port; 0: any free one.")
    yield _process("LOG_FORMAT", choice("json", "console"), "`json` or `console`.")
    yield _process(
        "LOG_LEVEL",
        choice("debug", "info", "warning", "error", fold=str.lower),
        "`debug`, `info`, `warning` or `error`.",
    )
    yield _process(
        "SHUTDOWN_SECONDS",
        decimal(5.1, 3_600),
        "How long a stop may take. Keep it below the time after which the platform kills the process.",
        "seconds",
    )
    yield _account(
        "ACCOUNT",
        "Process",
        values.account_name,
        "The account's name in metrics, logs and headers.",
        field="name",
    )
    yield Setting(
        "ACCOUNTS_FILE",
        "Process",
        values.plain_text,
        "YAML file of several accounts. Not in this release: setting it is refused.",
        used_from="the release with several accounts",
    )
    yield Setting(
        "SECRETS_DIR",
        "Process",
        values.plain_text,
        "Directory of files named as these variables, such as a mounted secret. From the environment only.",
        model=Settings,
        field="secrets_dir",
    )


SETTINGS: tuple[Setting, ...] = tuple(_all())

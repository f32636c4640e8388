"""Every setting, declared once: what reads it, checks it and explains it is driven by this table."""

from collections.abc import Iterator

from consumer.settings import values
from consumer.settings.account_table import delivery_settings, event_settings, quota_settings, zoho_settings
from consumer.settings.model import Settings
from consumer.settings.setting import Setting, account_setting, kafka_setting, process_setting
from consumer.settings.values import choice, decimal, integer

GROUPS = ("Kafka", "Topics", "Zoho", "Quota", "Delivery", "Events", "Process")


def _all() -> Iterator[Setting]:
    yield from _kafka_settings()
    yield from _topic_settings()
    yield from zoho_settings()
    yield from quota_settings()
    yield from delivery_settings()
    yield from event_settings()
    yield from _process_settings()


def _kafka_settings() -> Iterator[Setting]:
    yield kafka_setting(
        "KAFKA_BOOTSTRAP_SERVERS",
        values.bootstrap_servers,
        "Where Kafka is: `host:port`, several with commas between.",
        required=True,
    )
    yield kafka_setting(
        "KAFKA_GROUP_ID", values.plain_text, "The consumer group; its offsets hold the quota's state too."
    )
    yield kafka_setting(
        "KAFKA_SECURITY_PROTOCOL",
        choice("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
        "`PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`.",
    )
    yield kafka_setting(
        "KAFKA_SASL_MECHANISM",
        choice("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"),
        "`PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`; needed with the two SASL protocols.",
    )
    yield kafka_setting(
        "KAFKA_SASL_USERNAME", values.plain_text, "The user; needed with the two SASL protocols."
    )
    yield kafka_setting(
        "KAFKA_SASL_PASSWORD", values.password, "The password; needed with the two SASL protocols."
    )
    yield kafka_setting(
        "KAFKA_SSL_CA_FILE",
        values.readable_file,
        "PEM file of the authorities that may sign the brokers' certificates; unset: those of the system.",
    )
    yield kafka_setting(
        "KAFKA_SSL_CERT_FILE",
        values.readable_file,
        "PEM file of our own certificate, where the brokers ask for one; goes with the key file.",
    )
    yield kafka_setting(
        "KAFKA_SSL_KEY_FILE", values.readable_file, "PEM file of that certificate's key, without a password."
    )
    yield kafka_setting(
        "KAFKA_SESSION_TIMEOUT_SECONDS",
        decimal(1, 300),
        "After this long without a heartbeat another replica takes over. "
        "The broker's `group.min.session.timeout.ms` bounds it below.",
        "seconds",
    )


def _topic_settings() -> Iterator[Setting]:
    yield account_setting(
        "SOURCE_TOPIC", "Topics", values.topic, "The events. Upstream owns it; it is only read."
    )
    yield account_setting(
        "DEAD_LETTER_TOPIC",
        "Topics",
        values.topic,
        "Where records go that can't be applied, with the reason.",
        default_text="`<source>.dlq`",
    )
    yield account_setting(
        "REPLAY_TOPIC",
        "Topics",
        values.topic,
        "The retry lane of replayed dead letters.",
        default_text="`<source>.replay`",
    )
    yield account_setting(
        "OUTCOMES_TOPIC",
        "Topics",
        values.topic,
        "What became of every event; compacted.",
        default_text="`<source>.outcomes`",
    )
    yield process_setting(
        "CREATE_TOPICS",
        values.yes_or_no,
        "`true`: `run` creates missing topics; `false`: it ends and says which command does.",
        group="Topics",
    )
    yield account_setting(
        "START_FROM",
        "Topics",
        choice("earliest", "latest"),
        "Where a group without any position begins, once: `earliest` or `latest`.",
    )


def _process_settings() -> Iterator[Setting]:
    yield process_setting(
        "HTTP_HOST", values.http_host, "The address that health, metrics and status listen on."
    )
    yield process_setting("HTTP_PORT", integer(0, 65_535), "Their port; 0: any free one.")
    yield process_setting("LOG_FORMAT", choice("json", "console"), "`json` or `console`.")
    yield process_setting(
        "LOG_LEVEL",
        choice("debug", "info", "warning", "error", fold=str.lower),
        "`debug`, `info`, `warning` or `error`.",
    )
    yield process_setting(
        "TRACES",
        values.traces,
        "`otlp`: each event's spans go to an OpenTelemetry collector, which the standard `OTEL_…` variables "
        "name (the extra `otel`); `off`: none are made.",
    )
    yield process_setting(
        "SHUTDOWN_SECONDS",
        decimal(5.1, 3_600),
        "How long a stop may take. Keep it below the time after which the platform kills the process.",
        "seconds",
    )
    yield account_setting(
        "ACCOUNT",
        "Process",
        values.account_name,
        "The account's name in metrics, logs and headers.",
        field="name",
    )
    yield Setting(
        "ACCOUNTS_FILE",
        "Process",
        values.readable_file,
        "YAML file of several accounts, see [below](#the-accounts-file).",
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

"""What the settings are once they are good. Defaults stand here and nowhere else."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from consumer.delivery.turns import Order
from consumer.events.model import InputStyle
from consumer.settings.zoho_urls import DATA_CENTRES

SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
StartFrom = Literal["earliest", "latest"]
VerifyEcho = Literal["warn", "hold", "off"]
OtherEventTypes = Literal["dead-letter", "skip"]
LogFormat = Literal["json", "console"]
LogLevel = Literal["debug", "info", "warning", "error"]
TracesTo = Literal["off", "otlp"]

DEFAULT_SOURCE_TOPIC = "training.session.changed"


def _derived(suffix: str) -> Any:
    """A topic that is named after the source topic where it isn't named itself."""
    return Field(default_factory=lambda fields: str(fields["source_topic"]) + suffix)


class _Frozen(BaseModel):
    # hide_input_in_errors: pydantic would quote the value, which may be a secret.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class KafkaSettings(_Frozen):
    """How to reach Kafka. File settings are paths."""

    bootstrap_servers: str
    group_id: str = "session-consumer"
    security_protocol: SecurityProtocol = "PLAINTEXT"
    sasl_mechanism: SaslMechanism | None = None
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    ssl_ca_file: str | None = None
    ssl_cert_file: str | None = None
    ssl_key_file: str | None = None
    session_timeout_seconds: float = 15.0


class TopicNames(_Frozen):
    """An account's name and its four topics; those not named are named after the source topic."""

    name: str = "default"
    source_topic: str = DEFAULT_SOURCE_TOPIC
    dead_letter_topic: str = _derived(".dlq")
    replay_topic: str = _derived(".replay")
    outcomes_topic: str = _derived(".outcomes")


class ReplayNames(TopicNames):
    """An account's topics, and what of its quota replays get."""

    quota_requests: int = 30
    quota_window_seconds: float = 60.0
    replay_share: float = 0.1


class ReplaySettings(_Frozen):
    """What `dlq replay` needs: one account, no Zoho setting."""

    kafka: KafkaSettings
    account: ReplayNames
    warnings: tuple[str, ...] = ()


class EventSettings(_Frozen):
    """What decides whether an event is good. Without a zone, what depends on it can't be checked."""

    zoho_people_url: str = DATA_CENTRES["com"].people_url
    zoho_time_zone: str | None = None
    zoho_input: InputStyle = "query"
    other_event_types: OtherEventTypes = "dead-letter"
    max_event_bytes: int = 262_144
    max_clock_skew_seconds: float = 300.0


class AccountSettings(TopicNames):
    """One Zoho account: its topics, credential, quota and limits. URLs have no trailing slash."""

    start_from: StartFrom = "earliest"

    zoho_people_url: str = DATA_CENTRES["com"].people_url
    zoho_accounts_url: str = DATA_CENTRES["com"].accounts_url
    zoho_client_id: str
    zoho_client_secret: SecretStr
    zoho_refresh_token: SecretStr
    zoho_time_zone: str
    zoho_input: InputStyle = "query"
    zoho_timeout_seconds: float = 15.0
    zoho_verify_echo: VerifyEcho = "warn"

    quota_requests: int = 30
    quota_window_seconds: float = 60.0
    quota_lock_seconds: float = 300.0
    quota_daily_requests: int = 0
    quota_daily_reserve: int = 0
    quota_clock_margin_seconds: float = 1.0
    quota_abort_margin_seconds: float = 10.0

    concurrency: int = 8
    attempts: int = 5
    refusals_before_hold: int = 20
    backlog_events: int = 10_000
    backlog_bytes: int = 64 * 1024 * 1024
    order: Order = "oldest"
    ledger_days: int = 400
    replay_share: float = 0.1

    other_event_types: OtherEventTypes = "dead-letter"
    max_event_bytes: int = 262_144
    max_clock_skew_seconds: float = 300.0


class Settings(_Frozen):
    """Everything `run` needs. `warnings` are sentences for the log, such as an unknown variable.

    `files`: the paths of all files that the settings were read from, or would be if they were there.
    """

    kafka: KafkaSettings
    accounts: tuple[AccountSettings, ...] = Field(min_length=1)
    create_topics: bool = False
    # All addresses: probes and Prometheus reach a container from outside. Nothing secret is served.
    http_host: str = "0.0.0.0"  # noqa: S104
    http_port: int = 8080
    log_format: LogFormat = "json"
    log_level: LogLevel = "info"
    traces: TracesTo = "off"
    shutdown_seconds: float = 25.0
    secrets_dir: str | None = None
    files: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class TopicSettings(_Frozen):
    """What `topics` needs: no Zoho setting among it."""

    kafka: KafkaSettings
    accounts: tuple[TopicNames, ...] = Field(min_length=1)
    warnings: tuple[str, ...] = ()

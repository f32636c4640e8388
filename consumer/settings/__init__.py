"""Settings from the environment and a directory of secrets, every problem reported at once."""

from consumer.settings.explained import AccountValues, Explained, Explanation, explain
from consumer.settings.load import (
    SettingsError,
    load_event_settings,
    load_http_address,
    load_http_port,
    load_kafka_settings,
    load_replay_settings,
    load_settings,
    load_topic_settings,
)
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
from consumer.settings.setting import Setting
from consumer.settings.table import SETTINGS
from consumer.settings.watch import SettingsWatch, process_differences

__all__ = [
    "SETTINGS",
    "AccountSettings",
    "AccountValues",
    "EventSettings",
    "Explained",
    "Explanation",
    "KafkaSettings",
    "ReplayNames",
    "ReplaySettings",
    "Setting",
    "Settings",
    "SettingsError",
    "SettingsWatch",
    "TopicNames",
    "TopicSettings",
    "explain",
    "load_event_settings",
    "load_http_address",
    "load_http_port",
    "load_kafka_settings",
    "load_replay_settings",
    "load_settings",
    "load_topic_settings",
    "process_differences",
]

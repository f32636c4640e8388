"""What settings say about each other: contradictions, each as a sentence that says how to mend it.

`values` holds what was read and the defaults, by the settings' names without prefix. A value that
could not be read is absent: its own problem has been named already, so no check speaks of it.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from consumer.records import RECORD_OVERHEAD_BYTES

Values = Mapping[str, Any]

# The drain after the last answer: dead letters acknowledged, offsets committed (contract, section 7).
DRAIN_SECONDS = 5
MAX_TOPIC_CHARACTERS = 249

_SASL = ("KAFKA_SASL_MECHANISM", "KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD")
_SSL = ("KAFKA_SSL_CA_FILE", "KAFKA_SSL_CERT_FILE", "KAFKA_SSL_KEY_FILE")
_TOPICS = ("SOURCE_TOPIC", "DEAD_LETTER_TOPIC", "REPLAY_TOPIC", "OUTCOMES_TOPIC")


def kafka_problems(values: Values, given: frozenset[str]) -> Iterator[str]:
    """Security settings that are missing, or that the chosen protocol would ignore."""
    protocol = values.get("KAFKA_SECURITY_PROTOCOL")
    if protocol is None:
        return
    for name in _SASL:
        if "SASL" in protocol and name not in given:
            yield f"CONSUMER_{name} is missing: CONSUMER_KAFKA_SECURITY_PROTOCOL={protocol} needs it."
        if "SASL" not in protocol and name in given:
            yield (
                f"CONSUMER_{name} is set, but CONSUMER_KAFKA_SECURITY_PROTOCOL={protocol} does not use it; "
                "set SASL_SSL (or SASL_PLAINTEXT), or remove it."
            )
    for name in _SSL:
        if "SSL" not in protocol and name in given:
            yield (
                f"CONSUMER_{name} is set, but CONSUMER_KAFKA_SECURITY_PROTOCOL={protocol} does not use it; "
                "set SSL or SASL_SSL, or remove it."
            )
    if ("KAFKA_SSL_CERT_FILE" in given) != ("KAFKA_SSL_KEY_FILE" in given):
        yield "CONSUMER_KAFKA_SSL_CERT_FILE and CONSUMER_KAFKA_SSL_KEY_FILE go together; set both or neither."


def topic_problems(values: Values, given: frozenset[str]) -> Iterator[str]:
    """Two lanes in one topic: the consumer would read what it writes. Too long a name, once derived."""
    owner: dict[str, str] = {}
    for name in _TOPICS:
        topic = values.get(name)
        if topic is None:
            continue
        if len(topic) > MAX_TOPIC_CHARACTERS:
            yield (
                f"CONSUMER_{name} is missing: the name made from CONSUMER_SOURCE_TOPIC is longer than "
                f"the {MAX_TOPIC_CHARACTERS} characters that Kafka allows."
            )
        if topic in owner:
            first, second = sorted((name, owner[topic]), key=lambda each: each not in given)
            yield f"CONSUMER_{first} must not name the topic of CONSUMER_{second}; give it one of its own."
        owner.setdefault(topic, name)


def zoho_problems(values: Values, given: frozenset[str]) -> Iterator[str]:
    """Two ways to say where Zoho is, or half of one."""
    urls = {"ZOHO_PEOPLE_URL", "ZOHO_ACCOUNTS_URL"} & given
    if urls and "ZOHO_DATA_CENTRE" in given:
        yield (
            "CONSUMER_ZOHO_DATA_CENTRE and "
            + " and ".join(f"CONSUMER_{name}" for name in sorted(urls, reverse=True))
            + " both say where Zoho is; keep the data centre, or both URLs."
        )
    elif len(urls) == 1:
        (url,) = urls
        (other,) = {"ZOHO_PEOPLE_URL", "ZOHO_ACCOUNTS_URL"} - urls
        yield f"CONSUMER_{other} is missing: CONSUMER_{url} is set, and a token belongs to one place only."
    if _has(values, "ZOHO_TIMEOUT_SECONDS", "SHUTDOWN_SECONDS") and (
        values["ZOHO_TIMEOUT_SECONDS"] > values["SHUTDOWN_SECONDS"] - DRAIN_SECONDS
    ):
        yield (
            f"CONSUMER_ZOHO_TIMEOUT_SECONDS must be at least {DRAIN_SECONDS} s below "
            f"CONSUMER_SHUTDOWN_SECONDS ({values['SHUTDOWN_SECONDS']:g}): "
            "a call in flight has to end before the stop does."
        )


def limit_problems(values: Values, given: frozenset[str]) -> Iterator[str]:  # noqa: ARG001
    """Limits that leave no room for each other."""
    if (
        _has(values, "QUOTA_DAILY_REQUESTS", "QUOTA_DAILY_RESERVE")
        and 0 < values["QUOTA_DAILY_REQUESTS"] <= values["QUOTA_DAILY_RESERVE"]
    ):
        yield (
            "CONSUMER_QUOTA_DAILY_RESERVE must be below CONSUMER_QUOTA_DAILY_REQUESTS "
            f"({values['QUOTA_DAILY_REQUESTS']}): no call would ever be made."
        )
    if (
        _has(values, "BACKLOG_BYTES", "MAX_EVENT_BYTES")
        and values["BACKLOG_BYTES"] < values["MAX_EVENT_BYTES"] + RECORD_OVERHEAD_BYTES
    ):
        yield (
            f"CONSUMER_BACKLOG_BYTES must be at least {values['MAX_EVENT_BYTES'] + RECORD_OVERHEAD_BYTES}: "
            "one event of CONSUMER_MAX_EVENT_BYTES must fit."
        )


def accounts_file_problems(values: Values, given: frozenset[str]) -> Iterator[str]:  # noqa: ARG001
    """A setting whose silent neglect would leave accounts unserved."""
    if "ACCOUNTS_FILE" in given:
        yield (
            "CONSUMER_ACCOUNTS_FILE comes with a later release; unset it and give the one account "
            "in the environment."
        )


def _has(values: Values, *names: str) -> bool:
    return all(name in values for name in names)


Check = Callable[[Values, frozenset[str]], Iterator[str]]

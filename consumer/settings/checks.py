"""What settings say about each other: contradictions, each as a sentence that says how to mend it.

`values` holds what was read and the defaults, by the settings' names without prefix. A value that
could not be read is absent: its own problem has been named already, so no check speaks of it.
`called` gives the name by which a setting is known to who set it.
"""

from collections.abc import Callable, Iterator, Mapping, Set
from typing import Any, NamedTuple

from consumer.records import RECORD_OVERHEAD_BYTES

Values = Mapping[str, Any]
Called = Callable[[str], str]


class Problem(NamedTuple):
    """What is wrong with a setting, by its name without prefix: a sentence but for the name in front."""

    name: str
    sentence: str


# The drain after the last answer: dead letters acknowledged, offsets committed (contract, section 7).
DRAIN_SECONDS = 5
MAX_TOPIC_CHARACTERS = 249

_SASL = ("KAFKA_SASL_MECHANISM", "KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD")
_SSL = ("KAFKA_SSL_CA_FILE", "KAFKA_SSL_CERT_FILE", "KAFKA_SSL_KEY_FILE")
TOPICS = ("SOURCE_TOPIC", "DEAD_LETTER_TOPIC", "REPLAY_TOPIC", "OUTCOMES_TOPIC")


def kafka_problems(values: Values, given: Set[str], called: Called) -> Iterator[Problem]:
    """Security settings that are missing, or that the chosen protocol would ignore."""
    protocol = values.get("KAFKA_SECURITY_PROTOCOL")
    if protocol is None:
        return
    chosen = f"{called('KAFKA_SECURITY_PROTOCOL')}={protocol}"
    for name in _SASL:
        if "SASL" in protocol and name not in given:
            yield Problem(name, f"is missing: {chosen} needs it.")
        if "SASL" not in protocol and name in given:
            yield Problem(
                name,
                f"is set, but {chosen} does not use it; set SASL_SSL (or SASL_PLAINTEXT), or remove it.",
            )
    for name in _SSL:
        if "SSL" not in protocol and name in given:
            yield Problem(name, f"is set, but {chosen} does not use it; set SSL or SASL_SSL, or remove it.")
    if ("KAFKA_SSL_CERT_FILE" in given) != ("KAFKA_SSL_KEY_FILE" in given):
        key_file = called("KAFKA_SSL_KEY_FILE")
        yield Problem("KAFKA_SSL_CERT_FILE", f"and {key_file} go together; set both or neither.")


def topic_problems(values: Values, given: Set[str], called: Called) -> Iterator[Problem]:
    """Two lanes in one topic: the consumer would read what it writes. Too long a name, once derived."""
    owner: dict[str, str] = {}
    for name in TOPICS:
        topic = values.get(name)
        if topic is None:
            continue
        if len(topic) > MAX_TOPIC_CHARACTERS:
            yield Problem(
                name,
                f"is missing: the name made from {called('SOURCE_TOPIC')} is longer than "
                f"the {MAX_TOPIC_CHARACTERS} characters that Kafka allows.",
            )
        if topic in owner:
            first, second = sorted((name, owner[topic]), key=lambda each: each not in given)
            yield Problem(first, f"must not name the topic of {called(second)}; give it one of its own.")
        owner.setdefault(topic, name)


def zoho_problems(values: Values, given: Set[str], called: Called) -> Iterator[Problem]:
    """Two ways to say where Zoho is, or half of one."""
    urls = {"ZOHO_PEOPLE_URL", "ZOHO_ACCOUNTS_URL"} & given
    if urls and "ZOHO_DATA_CENTRE" in given:
        both = " and ".join(called(name) for name in sorted(urls, reverse=True))
        yield Problem(
            "ZOHO_DATA_CENTRE", f"and {both} both say where Zoho is; keep the data centre, or both URLs."
        )
    elif len(urls) == 1:
        (url,) = urls
        (other,) = {"ZOHO_PEOPLE_URL", "ZOHO_ACCOUNTS_URL"} - urls
        yield Problem(other, f"is missing: {called(url)} is set, and a token belongs to one place only.")
    if _has(values, "ZOHO_TIMEOUT_SECONDS", "SHUTDOWN_SECONDS") and (
        values["ZOHO_TIMEOUT_SECONDS"] > values["SHUTDOWN_SECONDS"] - DRAIN_SECONDS
    ):
        yield Problem(
            "ZOHO_TIMEOUT_SECONDS",
            f"must be at least {DRAIN_SECONDS} s below "
            f"{called('SHUTDOWN_SECONDS')} ({values['SHUTDOWN_SECONDS']:g}): "
            "a call in flight has to end before the stop does.",
        )


def limit_problems(values: Values, given: Set[str], called: Called) -> Iterator[Problem]:  # noqa: ARG001
    """Limits that leave no room for each other."""
    if (
        _has(values, "QUOTA_DAILY_REQUESTS", "QUOTA_DAILY_RESERVE")
        and 0 < values["QUOTA_DAILY_REQUESTS"] <= values["QUOTA_DAILY_RESERVE"]
    ):
        yield Problem(
            "QUOTA_DAILY_RESERVE",
            f"must be below {called('QUOTA_DAILY_REQUESTS')} "
            f"({values['QUOTA_DAILY_REQUESTS']}): no call would ever be made.",
        )
    if (
        _has(values, "BACKLOG_BYTES", "MAX_EVENT_BYTES")
        and values["BACKLOG_BYTES"] < values["MAX_EVENT_BYTES"] + RECORD_OVERHEAD_BYTES
    ):
        yield Problem(
            "BACKLOG_BYTES",
            f"must be at least {values['MAX_EVENT_BYTES'] + RECORD_OVERHEAD_BYTES}: "
            f"one event of {called('MAX_EVENT_BYTES')} must fit.",
        )


def _has(values: Values, *names: str) -> bool:
    return all(name in values for name in names)


Check = Callable[[Values, Set[str], Called], Iterator[Problem]]

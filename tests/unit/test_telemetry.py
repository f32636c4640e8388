"""Log lines are bounded and harmless; metrics are there from the start."""

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from consumer.delivery.ports import Telemetry
from consumer.telemetry import METRIC_TABLE, Metrics, configure_logging, unlogged
from consumer.telemetry.lines import MAX_LINE_BYTES, console_line, describe_exception, json_line
from consumer.telemetry.logs import FLOOD_SECONDS, MAX_REMEMBERED_MESSAGES, FloodGate
from tests.logs import logging_restored

Write = Callable[[object, str, Mapping[str, Any]], str]


@pytest.fixture
def _logging_restored() -> Iterator[None]:
    with logging_restored():
        yield


def logged(
    stream: io.StringIO,
    log_format: Literal["json", "console"] = "json",
    level: Literal["info", "debug"] = "info",
) -> None:
    configure_logging(log_format, level, stream=stream)


@given(
    st.dictionaries(st.text(max_size=200), st.text() | st.floats() | st.integers() | st.binary(), max_size=60)
)
def test_a_json_line_is_one_line_of_json(fields: dict[str, object]) -> None:
    """Whatever the fields hold: one line of printable ASCII that parses."""
    line = json_line(None, "", {"event": "x", **fields})

    assert line.isascii()
    assert line.isprintable()
    assert isinstance(json.loads(line), dict)


@given(st.text(), st.text())
def test_a_console_line_is_one_printable_line(event: str, value: str) -> None:
    """No control character reaches a terminal."""
    assert console_line(None, "", {"event": event, "value": value}).isprintable()


@pytest.mark.parametrize("write", [json_line, console_line])
@pytest.mark.parametrize("text", ["x", "\x00", "€", "\U0001f600", '"'])
def test_a_line_is_bounded(write: Write, text: str) -> None:
    """Many long fields make a line of at most 16 KiB that still says what happened."""
    fields = {f"field_{number}": text * 100_000 for number in range(100)}

    line = write(None, "", {"event": "it happened", "level": "error", **fields})

    assert len(line.encode()) <= MAX_LINE_BYTES
    assert "it happened" in line


def test_values_of_other_types_are_named_only() -> None:
    """A secret, or an object that may hold an event, is named by its type."""
    line = json_line(None, "", {"event": "x", "secret": SecretStr("s3cret"), "many": [object(), b"bytes"]})

    assert json.loads(line) == {"event": "x", "secret": "<SecretStr>", "many": ["<object>", "<bytes>"]}


def test_a_foreign_exception_loses_its_message() -> None:
    """Types and places are told, what a library quotes is not; the cause is told, too."""
    try:
        try:
            int("s3cret")
        except ValueError as exc:
            raise RuntimeError("with s3cret") from exc
    except RuntimeError as exc:
        described = describe_exception(exc)

    assert "RuntimeError at unit/test_telemetry.py:" in described
    assert ", caused by ValueError at" in described
    assert "s3cret" not in described


@pytest.mark.claim("S-53")
@pytest.mark.usefixtures("_logging_restored")
def test_libraries_log_through_us_from_warning_on() -> None:
    """aiokafka's requests at DEBUG hold the SASL password: never heard, whatever our level."""
    stream = io.StringIO()
    logged(stream, level="debug")

    logging.getLogger("aiokafka.conn").debug("s3cret")
    logging.getLogger("aiokafka.conn").error("Unable connect to %s\nsecond line", "kafka:9092")

    (entry,) = (json.loads(line) for line in stream.getvalue().splitlines())
    assert (entry["logger"], entry["level"], entry["event"]) == (
        "aiokafka.conn",
        "error",
        "Unable connect to kafka:9092",
    )


@pytest.mark.usefixtures("_logging_restored")
def test_nothing_is_logged_where_all_is_told_in_another_way() -> None:
    """Neither ours nor a library's; afterwards all is heard again."""
    stream = io.StringIO()
    configure_logging("json", "error", stream=stream)

    with unlogged():
        logging.getLogger("aiokafka.conn").error("Unable connect")
        structlog.get_logger().error("broken")
    structlog.get_logger().error("heard")

    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["heard"]


@pytest.mark.usefixtures("_logging_restored")
def test_a_flood_comes_through_once_with_a_count() -> None:
    """A message that a library repeats is written once in ten seconds, and then with how often it came."""
    stream = io.StringIO()
    now = [0.0]
    configure_logging("json", "info", stream=stream, monotonic=lambda: now[0])

    for _ in range(1_000):
        logging.getLogger("aiokafka").error("down")
    now[0] = FLOOD_SECONDS
    logging.getLogger("aiokafka").error("down")

    assert [json.loads(line).get("repeated") for line in stream.getvalue().splitlines()] == [None, 999]


@pytest.mark.claim("S-54")
def test_a_flood_of_different_messages_is_bounded() -> None:
    """Messages that differ each time can't fill the memory or the log."""
    gate = FloodGate(lambda: 0.0)

    admitted = [gate.admit(str(number)) for number in range(10 * MAX_REMEMBERED_MESSAGES)]

    assert admitted.count(0) == MAX_REMEMBERED_MESSAGES


@pytest.mark.usefixtures("_logging_restored")
def test_a_log_that_cannot_be_written_stops_nothing() -> None:
    """A closed stderr is no reason to fall over."""
    stream = io.StringIO()
    logged(stream)
    stream.close()

    structlog.get_logger().error("nobody hears this")


@pytest.mark.usefixtures("_logging_restored")
def test_the_exception_at_hand_is_described() -> None:
    """`log.exception` writes one line, with where it came from."""
    stream = io.StringIO()
    logged(stream, "console")

    try:
        sys.exit("x")
    except SystemExit:
        structlog.get_logger().exception("ended")

    assert stream.getvalue().count("\n") == 1
    assert "SystemExit at unit/test_telemetry.py" in stream.getvalue()


def scraped(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(metrics.render().decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_every_series_with_known_labels_is_there_at_zero() -> None:
    """An alert on a rate works from the first scrape: no series appears with its first count."""
    metrics = Metrics("1.2.3")
    metrics.account("default")
    series = scraped(metrics)

    for info in METRIC_TABLE:
        for label, values in info.labels:
            for value in values:
                key = (info.full_name, tuple(sorted({"account": "default", label: value}.items())))
                assert series[key] == 0.0
    assert series[("session_consumer_locks_total", (("account", "default"),))] == 0.0
    assert series[("session_consumer_build_info", (("version", "1.2.3"),))] == 1.0


def test_a_count_for_no_known_value_makes_no_new_series() -> None:
    """It counts as `other`, which was there at 0: `increase` sees the first one too."""
    metrics = Metrics()
    account = metrics.account("default")
    before = scraped(metrics)
    for count in (account.event, account.dead_letter, account.minted):
        count("of_tomorrow")
    account.call("of_tomorrow", 0.1)
    after = scraped(metrics)

    assert before.keys() == after.keys()
    others = {key for key in after if any(value == "other" for _, value in key[1])}
    assert 4 == len(others)
    assert [(0.0, 1.0)] * 4 == [(before[key], after[key]) for key in others]


def test_what_zoho_has_not_said_is_no_series() -> None:
    """0 calls left today would be an alarm: the series appears with Zoho's first word."""
    metrics = Metrics()
    account = metrics.account("default")
    key = ("session_consumer_quota_left_today", (("account", "default"),))

    account.set_quota(free_slots=30, share=1.0, left_today=None, runs_out_at=None)
    assert key not in scraped(metrics)
    account.set_quota(free_slots=30, share=0.5, left_today=14_809, runs_out_at=1.0)
    assert scraped(metrics)[key] == 14_809.0


def test_an_account_is_in_one_state() -> None:
    """Setting a state takes the former one back."""
    metrics = Metrics()
    account = metrics.account("default")
    account.set_state("running")
    account.set_state("throttled")

    states = {
        dict(labels)["state"]
        for (name, labels), value in scraped(metrics).items()
        if name == "session_consumer_account_state" and value
    }

    assert states == {"throttled"}


def test_a_label_value_outside_the_table_counts_as_other() -> None:
    """No caller can make the number of series grow."""
    metrics = Metrics()
    account = metrics.account("default")
    for number in range(100):
        account.event(f"outcome-{number}")

    key = ("session_consumer_events_total", (("account", "default"), ("outcome", "other")))
    assert scraped(metrics)[key] == 100.0


def test_topics_no_longer_read_lose_their_lag() -> None:
    """A topic that another replica took over shows no stale lag."""
    metrics = Metrics()
    account = metrics.account("default")
    account.set_lag({"a": 3, "b": 5})
    account.set_lag({"b": 4})

    lag = {
        dict(labels)["topic"]: value
        for (name, labels), value in scraped(metrics).items()
        if name == "session_consumer_lag_records"
    }

    assert lag == {"b": 4.0}


def test_an_account_can_be_told_of() -> None:
    """`AccountMetrics` is the core's `Telemetry`, and one name has one of them."""
    metrics = Metrics()
    account: Telemetry = metrics.account("default")

    account.call("applied", 0.2)
    account.applied_after(-3.0)

    assert metrics.account("default") is account
    series = scraped(metrics)
    assert (
        series[("session_consumer_zoho_requests_total", (("account", "default"), ("verdict", "applied")))]
        == 1
    )
    assert series[("session_consumer_event_to_applied_seconds_sum", (("account", "default"),))] == 0

"""The broker of the run, and what is said where there is none, or no tools for chart, alerts or image."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from helm.toolbox import CHART_TOOLS, PROMETHEUS_TOOLS, ToolsUnavailableError
from tests.alerts.untested import UNTESTED_ALERTS, without_prometheus
from tests.chart.untested import UNTESTED_API_SERVER, UNTESTED_CHART, without_api_server, without_chart_tools
from tests.image.untested import UNTESTED_IMAGE, without_image
from tests.kafka_broker.broker import Broker
from tests.kafka_broker.java import BrokerUnavailableError
from tests.kafka_broker.under_test import KafkaUnderTest, kafka_under_test
from tests.kafka_broker.untested import UNTESTED, without_kafka
from tests.publishers.untested import (
    UNTESTED_ASYNCAPI,
    UNTESTED_SAMPLES,
    without_asyncapi_parser,
    without_languages,
)
from tests.untested import Untested

NEED_A_BROKER = {"kafka", "own_broker"}

OwnBroker = Callable[..., Broker]


@pytest.fixture(scope="session")
def kafka(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KafkaUnderTest]:
    """A real Apache Kafka for the whole run: tests keep apart by topic and group names of their own."""
    with ExitStack() as stack:
        try:
            under_test = stack.enter_context(kafka_under_test(tmp_path_factory.mktemp("kafka") / "broker"))
        except BrokerUnavailableError as error:
            request.config.stash[UNTESTED].skip(str(error))
        yield under_test


@pytest.fixture(scope="session")
def chart_tools(request: pytest.FixtureRequest) -> None:
    """Helm and its like, built by `make tools`: minutes, which no test's time allows."""
    try:
        for name in CHART_TOOLS.packages:
            CHART_TOOLS.tool(name)
    except ToolsUnavailableError as problem:
        request.config.stash[UNTESTED_CHART].skip(str(problem))


@pytest.fixture(scope="session")
def prometheus_tools(request: pytest.FixtureRequest) -> None:
    """Prometheus and promtool, built by `make tools`."""
    try:
        for name in PROMETHEUS_TOOLS.packages:
            PROMETHEUS_TOOLS.tool(name)
    except ToolsUnavailableError as problem:
        request.config.stash[UNTESTED_ALERTS].skip(str(problem))


@pytest.fixture
def own_broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OwnBroker]:
    """Starts brokers that the test may kill: `own_broker(**{"message.max.bytes": "1000"})`."""
    with ExitStack() as stack:

        def start(**properties: str) -> Broker:
            directory = tmp_path / f"broker-{len(list(tmp_path.iterdir()))}"
            try:
                return stack.enter_context(Broker(directory, properties))
            except BrokerUnavailableError as error:
                request.config.stash[UNTESTED].skip(str(error))
                raise

        yield start


def pytest_configure(config: pytest.Config) -> None:
    config.stash[UNTESTED] = without_kafka()
    config.stash[UNTESTED_CHART] = without_chart_tools()
    config.stash[UNTESTED_API_SERVER] = without_api_server()
    config.stash[UNTESTED_ALERTS] = without_prometheus()
    config.stash[UNTESTED_IMAGE] = without_image()
    config.stash[UNTESTED_ASYNCAPI] = without_asyncapi_parser()
    config.stash[UNTESTED_SAMPLES] = without_languages()
    config.pluginmanager.register(_Listener(_untested(config)))


def _untested(config: pytest.Config) -> tuple[Untested, ...]:
    return (
        config.stash[UNTESTED],
        config.stash[UNTESTED_CHART],
        config.stash[UNTESTED_API_SERVER],
        config.stash[UNTESTED_ALERTS],
        config.stash[UNTESTED_IMAGE],
        config.stash[UNTESTED_ASYNCAPI],
        config.stash[UNTESTED_SAMPLES],
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`-m "not kafka"` leaves out whatever needs a broker, without every test saying so itself."""
    for item in items:
        if NEED_A_BROKER & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.kafka)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if any(each.is_failure for each in _untested(session.config)) and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for untested in _untested(config):
        if text := untested.block():
            terminalreporter.section(f"not tested: {untested.title}", sep="=", red=True, bold=True)
            terminalreporter.line(text)
            if untested.is_failure:
                terminalreporter.line("CI=true: this is a failure.", red=True)


class _Listener:
    """Hears of every report; the hook has no access to the configuration."""

    def __init__(self, untested: tuple[Untested, ...]) -> None:
        self._untested = untested

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for untested in self._untested:
            untested.note(report)

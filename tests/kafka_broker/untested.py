"""What a run without a broker could not test, said once and clearly, and a failure in CI."""

import os
from dataclasses import dataclass, field
from typing import NoReturn

import pytest

from tests.kafka_broker.under_test import OTHER_BROKER

_MARK = "no Kafka: "
_HOW_TO_GET_IT = f"""\
Either of these brings it back:
  - Java 17 or newer and Maven (mvn): the run fetches Apache Kafka 4.1.1 once, keeps it in
    ~/.cache/session-consumer (or $CONSUMER_TEST_CACHE), starts it and stops it;
  - {OTHER_BROKER}=host:port: the run uses that broker (PLAINTEXT, free to create topics). Tests that
    kill or freeze a broker need Java and Maven all the same."""


@dataclass(slots=True)
class Untested:
    """The tests that were skipped for want of a broker, and why."""

    reason: str = ""
    tests: list[str] = field(default_factory=list)

    def skip(self, reason: str) -> NoReturn:
        """Skip the test that asks, and all that ask for the same fixture."""
        pytest.skip(f"{_MARK}{reason}")

    def note(self, report: pytest.TestReport) -> None:
        """Remember a test that was skipped for this reason."""
        # A list where the report comes from another process.
        if report.skipped and isinstance(report.longrepr, tuple | list) and _MARK in report.longrepr[2]:
            self.reason = report.longrepr[2].partition(_MARK)[2]
            self.tests.append(report.nodeid)

    def block(self) -> str:
        """The text for the end of the run; empty where everything was tested."""
        if not self.tests:
            return ""
        return (
            f"{len(self.tests)} tests need a real Apache Kafka and were NOT run: {self.reason}.\n"
            f"So this run says nothing about records lost, doubled or stuck on a real broker.\n"
            f"{_HOW_TO_GET_IT}"
        )

    @property
    def is_failure(self) -> bool:
        """In CI a run without any broker must not look like one that tested everything.

        With another broker named, only tests that kill one are missing: somebody's choice, and said.
        """
        in_ci = os.environ.get("CI", "").lower() in {"true", "1"}
        return bool(self.tests) and in_ci and not os.environ.get(OTHER_BROKER)


UNTESTED = pytest.StashKey[Untested]()

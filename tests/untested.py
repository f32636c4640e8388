"""What a run could not test for want of something, said once and clearly, and a failure in CI."""

import os
from dataclasses import dataclass, field
from typing import NoReturn

import pytest


@dataclass(slots=True)
class Untested:
    """The tests that were skipped for want of one thing, and why.

    `thing`: what they need ("a real Apache Kafka"). `mark` begins each skip's reason. `meaning`: what the
    run says nothing about. `remedy`: how to get it. `excuse`: an environment variable by which somebody
    chose to do without.
    """

    title: str
    thing: str
    mark: str
    meaning: str
    remedy: str
    excuse: str = ""
    reason: str = ""
    tests: list[str] = field(default_factory=list)

    def skip(self, reason: str) -> NoReturn:
        """Skip the test that asks, and all that ask for the same fixture."""
        pytest.skip(f"{self.mark}{reason}")

    def note(self, report: pytest.TestReport) -> None:
        """Remember a test that was skipped for this reason."""
        # A list where the report comes from another process.
        if report.skipped and isinstance(report.longrepr, tuple | list) and self.mark in report.longrepr[2]:
            self.reason = report.longrepr[2].partition(self.mark)[2]
            self.tests.append(report.nodeid)

    def block(self) -> str:
        """The text for the end of the run; empty where everything was tested."""
        if not self.tests:
            return ""
        return (
            f"{len(self.tests)} tests need {self.thing} and were NOT run: {self.reason}.\n"
            f"So this run says nothing about {self.meaning}.\n"
            f"{self.remedy}"
        )

    @property
    def is_failure(self) -> bool:
        """In CI a run that lacks it must not look like one that tested everything."""
        in_ci = os.environ.get("CI", "").lower() in {"true", "1"}
        return bool(self.tests) and in_ci and not (self.excuse and os.environ.get(self.excuse))

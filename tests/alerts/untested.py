"""What is said of a run without Prometheus and promtool."""

import pytest

from tests.untested import Untested

UNTESTED_ALERTS = pytest.StashKey[Untested]()


def without_prometheus() -> Untested:
    """For the tests that need promtool, or a Prometheus that runs."""
    return Untested(
        title="alerts and dashboard",
        thing="prometheus and promtool",
        mark="no Prometheus: ",
        meaning="whether the alerts fire when they should",
        remedy="Go 1.26 or newer brings it back: `make tools` builds them once and keeps them.",
    )

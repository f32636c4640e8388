"""What is said of a run without the chart's tools."""

import pytest

from tests.untested import Untested

_HOW_TO_GET_IT = """\
Go 1.26 or newer brings it back: `make tools` builds helm, helm-unittest and kubeconform once and keeps them
in ~/.cache/session-consumer (or $CONSUMER_TEST_CACHE)."""

UNTESTED_CHART = pytest.StashKey[Untested]()


def without_chart_tools() -> Untested:
    """For the tests that need helm and its like."""
    return Untested(
        title="Helm chart",
        thing="helm, helm-unittest and kubeconform",
        mark="no chart tools: ",
        meaning="what the Helm chart renders and refuses",
        remedy=_HOW_TO_GET_IT,
    )


UNTESTED_API_SERVER = pytest.StashKey[Untested]()


def without_api_server() -> Untested:
    """For the tests that need Kubernetes's own API server."""
    return Untested(
        title="Kubernetes API server",
        thing="a real Kubernetes API server",
        mark="no API server: ",
        meaning="what Kubernetes itself makes of the chart",
        remedy="Go 1.26 or newer, etcd and kubectl bring it back: the run builds the server once.",
    )

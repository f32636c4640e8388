"""All tests of the chart need its tools, or say that there are none."""

import pytest


@pytest.fixture(autouse=True)
def _chart_tools(chart_tools: None) -> None:
    """See the root conftest.py."""

"""What is said of a run without the tools that look at the publishers' kit."""

import pytest

from tests.untested import Untested

UNTESTED_ASYNCAPI = pytest.StashKey[Untested]()
UNTESTED_SAMPLES = pytest.StashKey[Untested]()


def without_asyncapi_parser() -> Untested:
    """For the tests that need AsyncAPI's own parser."""
    return Untested(
        title="AsyncAPI document",
        thing="AsyncAPI's own parser",
        mark="no AsyncAPI parser: ",
        meaning="whether other tools can read schemas/asyncapi.json",
        remedy="Node.js 20 or newer with npm brings it back: the run installs it once and keeps it.",
    )


def without_languages() -> Untested:
    """For the samples whose language is not on this machine."""
    return Untested(
        title="publishers' samples",
        thing="the language they are written in",
        mark="no such language: ",
        meaning="whether that sample works",
        remedy="A JDK (17), Go (1.26, with `make tools`), Debian's kcat and jq bring them back.",
    )

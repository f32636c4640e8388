"""The image, built once a run, and the consumers that run in it."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.image.tools import Built, ImageUnbuildableError, built, store_directory
from tests.image.untested import UNTESTED_IMAGE
from tests.integration.conftest import topics  # noqa: F401  (a fixture)

VERSION, REVISION, CREATED = "0.1.0", "0123abc", "2026-01-02T03:04:05Z"


@pytest.fixture(scope="session")
def image(request: pytest.FixtureRequest) -> Iterator[Built]:
    """The Dockerfile of this tree, built; where that can't be, its tests say once what they lack."""
    arguments = {"VERSION": VERSION, "REVISION": REVISION, "CREATED": CREATED}
    with ExitStack() as stack:
        try:
            image = stack.enter_context(built(store_directory(), **arguments))
        except ImageUnbuildableError as problem:
            request.config.stash[UNTESTED_IMAGE].skip(str(problem))
        yield image

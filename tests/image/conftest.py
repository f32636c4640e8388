"""The image, built once a run, and the consumers that run in it."""

from collections.abc import Iterator

import pytest

from tests.image.tools import Built, ImageUnbuildableError, built, store_directory
from tests.integration.conftest import topics  # noqa: F401  (a fixture)

VERSION, REVISION, CREATED = "0.1.0", "0123abc", "2026-01-02T03:04:05Z"


@pytest.fixture(scope="session")
def image() -> Iterator[Built]:
    """The Dockerfile of this tree, built; where that can't be, its tests say once what they lack."""
    try:
        with built(store_directory(), VERSION=VERSION, REVISION=REVISION, CREATED=CREATED) as image:
            yield image
    except ImageUnbuildableError as problem:
        pytest.skip(f"no image was built or run: {problem}")

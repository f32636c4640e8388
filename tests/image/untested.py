"""What is said of a run without what builds and runs an image."""

import pytest

from tests.untested import Untested

UNTESTED_IMAGE = pytest.StashKey[Untested]()


def without_image() -> Untested:
    """For the tests that build the image and run it."""
    return Untested(
        title="image",
        thing="an image that is built here",
        mark="no image: ",
        meaning="whether the Dockerfile builds, and what runs of it as any user, read-only, as process 1",
        remedy="Root, and Debian's buildah, debootstrap and util-linux: see tests/image/README.md.",
    )

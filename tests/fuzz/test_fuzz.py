"""A short run of every fuzzing target; `make fuzz` makes long ones."""

import pytest

from tests.fuzz.report import Target, lines, run
from tests.fuzz.targets import TARGETS

INPUTS = 600
# What so few inputs need not reach: `make fuzz` fails where one is not.
MOST_MISSING = 0.25


@pytest.mark.claim("S-04")
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_no_input_breaks_what_reads_it(target: Target) -> None:
    """No exception, nothing outside the closed union, no content in what is said, nothing slow."""
    found = run(target, INPUTS, number=1)

    assert [] == found.broken
    assert len(target.kinds - found.kinds.keys()) <= MOST_MISSING * len(target.kinds), lines(target, found)

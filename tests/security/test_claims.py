"""The page and its tests say the same: each claim has a test, and each test shows a claim of the page."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "security.md").read_text()
_CLAIM = re.compile(r"^\| (S-[0-9]{2}) \| (.+) \|$", re.MULTILINE)
_MARK = re.compile(r'^@pytest\.mark\.claim\("(S-[0-9]{2})"\)$', re.MULTILINE)


def shown() -> set[str]:
    """The claims that a test is marked with."""
    return {each for file in TESTS.rglob("test_*.py") for each in _MARK.findall(file.read_text())}


def test_every_claim_has_a_test_and_every_test_a_claim() -> None:
    """By their ids, each of which stands once on the page."""
    claimed = [each for each, _ in _CLAIM.findall(PAGE)]

    assert len(claimed) == len(set(claimed)) > 40
    assert set(claimed) == shown()
    assert set(re.findall(r"S-[0-9]{2}", PAGE)) == set(claimed)


def test_a_claim_is_one_short_sentence() -> None:
    """So that a reviewer can tick it off."""
    for number, sentence in _CLAIM.findall(PAGE):
        assert sentence.endswith("."), number
        assert len(sentence) <= 240, number

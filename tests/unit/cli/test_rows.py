"""Text cut to a terminal."""

import pytest

from consumer.cli.rows import cut


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("abcd", "abcd"),
        ("abcde", "abc…"),
        ("äbcd", "äbcd"),
        ("äbcde", "äbc…"),
        ("日本", "日本"),
        ("日本語", "日…"),
        ("a日本", "a日…"),
        ("", ""),
    ],
)
def test_a_line_is_cut_to_columns(text: str, expected: str) -> None:
    """A wide character takes two; what is cut ends with an ellipsis."""
    assert expected == cut(text, 4)

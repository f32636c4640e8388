"""Where things stand in a JSON text."""

import pytest

from consumer.events.json_places import find_repeated_key, line_and_column, walk


def test_every_value_has_a_pointer_and_a_place() -> None:
    """In order, the root first; keys are unquoted and escaped as RFC 6901 says."""
    text = '{"a": [1, {"b/c~": "x,]"}], "\\u0064": null}'

    assert list(walk(text)) == [
        ("", 0),
        ("/a", 1),
        ("/a/0", 7),
        ("/a/1", 10),
        ("/a/1/b~1c~0", 11),
        ("/d", 28),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1, "b": {"a": 1}}', None),
        ('{"a": 1, "a": 2}', 9),
        ('[{"a": 1}, {"a": 1}]', None),
        ('{"x": {"a": 1}, "x": {"a": 1}}', 16),
    ],
)
def test_finds_the_key_that_its_object_had_before(text: str, expected: int | None) -> None:
    """Equal keys of different objects are no repetition."""
    assert expected == find_repeated_key(text)


@pytest.mark.parametrize("text", ["", "]", "}}{", '"', '{"a', ",,,", "{,}", '{"a": }', "[1 2", ":"])
def test_broken_text_is_walked_without_an_error(text: str) -> None:
    """The walk may be asked about text that only its start is JSON of."""
    list(walk(text))


def test_lines_and_columns_count_from_one() -> None:
    """In characters."""
    assert line_and_column("é\nab", 3) == (2, 2)
    assert line_and_column("é", 0) == (1, 1)

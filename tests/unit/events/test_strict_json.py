"""JSON as the contract allows it."""

import math

import pytest

from consumer.events.strict_json import MAX_DEPTH, UnreadableJsonError, parse_json

ENOUGH = 1_000_000


def why(raw: bytes, max_bytes: int = ENOUGH) -> str:
    """The sentence it is refused with."""
    with pytest.raises(UnreadableJsonError) as caught:
        parse_json(raw, max_bytes)
    return str(caught.value)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'{"a": [1, 2.5, true, null, "\xc3\xa9"]}', {"a": [1, 2.5, True, None, "é"]}),
        (b' \r\n\t{"a":1}\n', {"a": 1}),
        (rb'"\ud83d\ude00"', "😀"),
        (rb'"\\ud83d"', r"\ud83d"),
        (b"478346000019479103", 478346000019479103),
    ],
)
def test_reads_what_json_allows(raw: bytes, expected: object) -> None:
    """Values come back exactly, whole pairs of surrogates as one character."""
    assert expected == parse_json(raw, ENOUGH)


@pytest.mark.parametrize(
    ("raw", "part"),
    [
        (b"", "is empty"),
        (b" \n ", "is empty"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b'{"a": "\xff"}', "not UTF-8 (at byte 7)"),
        (b'"\xed\xa0\xbd"', "not UTF-8 (at byte 1)"),
        (b'{\n"a": 1,\n"b" 2}', "line 3, column 5: a colon is missing"),
        (b'{"a": 1', "line 1, column 8: the JSON ends too early"),
        (b'{"a": "x', "column 7: a string starts here and has no closing quote"),
        (b"{'a': 1}", "column 2: a key in double quotes has to stand here"),
        (b'{"a": 1} {}', "column 10: something follows the end"),
        (b'{"a": "\x01"}', "a control character stands in a string"),
        (rb'{"a": "\x"}', "a backslash is followed by"),
        (b'{"a": NaN}', "column 7: NaN and Infinity"),
        (b'{"NaN": -Infinity}', "column 9: NaN and Infinity"),
        (b'{"a": 1, "b": {"a": 1, "c": 2, "\\u0061": 3}}', "column 32: a key is repeated"),
        (rb'{"a": "\ud83d"}', "column 8: half of a surrogate pair"),
        (rb'{"a": "\ude00\ud83d"}', "column 8: half of a surrogate pair"),
        (rb'{"\ud83d\u0041": 1}', "column 3: half of a surrogate pair"),
        (rb'{"a": "\ud83d \ude00"}', "column 8: half of a surrogate pair"),
        (b"nul", "a value is missing or misspelt"),
    ],
)
def test_says_what_is_wrong_and_where(raw: bytes, part: str) -> None:
    """Each breach is named with its place, in a sentence."""
    sentence = why(raw)

    assert part in sentence
    assert sentence.endswith(".")


def test_takes_the_greatest_depth_and_not_one_more() -> None:
    """32 levels are read, 33 are not, and brackets inside strings don't count."""
    assert parse_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, ENOUGH)
    assert parse_json(b'["' + b"[{" * 1_000 + b'"]', ENOUGH) == ["[{" * 1_000]
    assert parse_json(b"[" + b"[]," * 1_000 + b"[]]", ENOUGH)
    assert "more than 32 deep (at byte 32)" in why(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'])
def test_depth_of_ten_thousand_is_a_plain_refusal(opening: bytes) -> None:
    """No recursion, however deep."""
    assert "nested more than 32 deep" in why(opening * 10_000)


def test_takes_the_greatest_size_and_not_one_byte_more() -> None:
    """The bound is inclusive."""
    raw = b'"' + b"a" * 98 + b'"'

    assert parse_json(raw, 100) == "a" * 98
    assert "has 100 bytes, at most 99" in why(raw, 99)


@pytest.mark.parametrize("digits", [401, 5_000, 100_000])
def test_endless_numbers_do_no_harm(digits: int) -> None:
    """CPython's limit on digits never shows: the number becomes an infinite float."""
    assert parse_json(b"-" + b"9" * digits, ENOUGH) == -math.inf
    assert parse_json(b"1e" + b"9" * digits, ENOUGH) == math.inf
    assert parse_json(b"0." + b"9" * digits, ENOUGH) == pytest.approx(1)


def test_the_content_never_shows() -> None:
    """A sentence holds nothing that was sent."""
    assert "secret" not in why(b'{"secret": "secret", "secret": 1}') + why(b"{secret}") + why(
        b'{"a": "secret'
    )


def test_the_line_of_a_fault_is_known() -> None:
    """For files: the line of the fault within the value."""
    with pytest.raises(UnreadableJsonError) as caught:
        parse_json(b'{\n"a": 1,\n"a": 2}', ENOUGH)

    assert caught.value.line == 3

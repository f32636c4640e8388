"""Text cut to a terminal, and what is written to one."""

import io

import pytest

from consumer.cli.rows import cut, write_rows


class Terminal(io.StringIO):
    """A stdout that says it is one."""

    def isatty(self) -> bool:
        """It is."""
        return True


def test_csv_is_as_it_is_but_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """There nothing may move the cursor; a program gets what there is."""
    row = {"a": "x\x1b[2J", "b": None, "c": [1]}
    for out, expected in (
        (io.StringIO(), "a,b,c\nx\x1b[2J,,[1]\n"),
        (Terminal(), "a,b,c\nx\ufffd[2J,,[1]\n"),
    ):
        monkeypatch.setattr("sys.stdout", out)
        write_rows([row], "csv", {})

        assert expected == out.getvalue()


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

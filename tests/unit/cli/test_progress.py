"""What a long command is at, told on a terminal."""

import io

import pytest

from consumer.cli.progress import Progress


class Terminal(io.StringIO):
    """A stderr that says it is one."""

    def isatty(self) -> bool:
        """It is."""
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """In place of stderr, where nothing asks for plain output."""
    found = Terminal()
    monkeypatch.setattr("sys.stderr", found)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    return found


def test_a_line_is_written_over_and_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Soon again only where it is about something new."""
    terminal = on_terminal(monkeypatch)
    progress = Progress(quiet_seconds=0)

    for text, is_new in (("one", False), ("two", False), ("three", True)):
        progress.tell(text, is_new=is_new)
    progress.clear()
    progress.clear()

    assert "\r\x1b[Kone\r\x1b[Kthree\r\x1b[K" == terminal.getvalue()


def test_a_short_wait_needs_no_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor anything to be cleared."""
    terminal = on_terminal(monkeypatch)
    progress = Progress(quiet_seconds=60)

    progress.tell("one", is_new=True)
    progress.clear()

    assert "" == terminal.getvalue()


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_plain_output_has_none(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """By NO_COLOR, or on a terminal that knows no cursor."""
    terminal = on_terminal(monkeypatch)
    monkeypatch.setenv(name, value)

    Progress(quiet_seconds=0).tell("one")

    assert "" == terminal.getvalue()


def test_a_file_has_none(capsys: pytest.CaptureFixture[str]) -> None:
    """Where stderr is none."""
    Progress(quiet_seconds=0).tell("one")

    assert "" == capsys.readouterr().err

"""What a long command is at: one line on stderr that writes itself over, where stderr is a terminal."""

import os
import sys
import time

import click

from consumer.cli.rows import cut

# So short a wait needs no word.
QUIET_SECONDS = 0.4
BETWEEN_SECONDS = 0.2
_CLEAR = "\r\x1b[K"


class Progress:
    """`tell` as often as there is news; `clear` before anything else is written to the terminal."""

    def __init__(self, *, quiet_seconds: float = QUIET_SECONDS) -> None:
        """Nothing is told before `quiet_seconds` have passed."""
        plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
        self._shows = sys.stderr.isatty() and not plain
        self._next_at = time.monotonic() + quiet_seconds
        self._stands = False

    def tell(self, text: str, *, is_new: bool = False) -> None:
        """What is under way, in a few words; `is_new`: something else than before, so it is told at once."""
        if self._shows and (time.monotonic() >= self._next_at or (is_new and self._stands)):
            click.echo(f"{_CLEAR}{cut(text, 79)}", err=True, nl=False)
            self._next_at = time.monotonic() + BETWEEN_SECONDS
            self._stands = True

    def clear(self) -> None:
        """Leave nothing of it."""
        if self._stands:
            click.echo(_CLEAR, err=True, nl=False)
            self._stands = False

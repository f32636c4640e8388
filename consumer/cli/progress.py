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

    def __init__(self) -> None:
        plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
        self._shows = sys.stderr.isatty() and not plain
        self._next_at = time.monotonic() + QUIET_SECONDS
        self._stands = False

    def tell(self, text: str) -> None:
        """What is under way, in a few words."""
        if self._shows and time.monotonic() >= self._next_at:
            click.echo(f"{_CLEAR}{cut(text, 79)}", err=True, nl=False)
            self._next_at = time.monotonic() + BETWEEN_SECONDS
            self._stands = True

    def clear(self) -> None:
        """Leave nothing of it."""
        if self._stands:
            click.echo(_CLEAR, err=True, nl=False)
            self._stands = False

"""How a replay goes on and what it came to: progress on stderr, rows on stdout."""

import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import click

from consumer.cli.dlq.words import short_id
from consumer.cli.rows import Row, write_rows
from consumer.dlq.letter import Letter
from consumer.dlq.run import Sent
from consumer.dlq.waiting import Awaited, Ended


class RunProgress:
    """A bar on stderr where that is a terminal; without one, or with NO_COLOR, nothing but notes."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._bar: Any = None  # click names no type for it

    def begin(self, label: str, length: int) -> None:
        """Another bar instead of the last one."""
        self.end()
        if sys.stderr.isatty() and not os.environ.get("NO_COLOR") and length:
            bar = click.progressbar(
                length=length, label=label, show_eta=False, show_pos=True, file=sys.stderr
            )
            self._bar = self._stack.enter_context(bar)

    def move(self, by: int) -> None:
        """So many more are done."""
        if self._bar is not None:
            self._bar.update(by)

    def note(self, sentence: str) -> None:
        """A line of its own."""
        click.echo(f"\n{sentence}" if self._bar is not None else sentence, err=True)

    def end(self) -> None:
        """No bar any more."""
        self._stack.close()
        self._bar = None


class Results:
    """The rows of a run; as JSON lines each one when it is known, else all of them at the end."""

    def __init__(
        self, run_id: str, letters: Mapping[str, Letter], source_topic: str, output_format: str
    ) -> None:
        self._run_id = run_id
        self._source_topic = source_topic
        self._letters = letters
        self._format = output_format
        self._written: set[str] = set()

    def ended(self, ended: Ended) -> None:
        """One has its end."""
        if self._format == "jsonl" and ended.id not in self._written:
            self._written.add(ended.id)
            write_rows([self._row(ended.id, ended)], "jsonl", {})

    def write(self, sent: Mapping[str, int], awaited: Awaited | None, sending: Sent) -> None:
        """Those that were not written yet: what ended well, and then what somebody has to look at."""
        found = {} if awaited is None else awaited.ended
        sent = dict(sorted(sent.items(), key=lambda each: each[0] not in found or not found[each[0]].good))
        rows = [self._row(each, found.get(each)) for each in sent if each not in self._written]
        rows += [self._not_sent(each, why) for each, why in sending.refused.items()]
        if rows or self._format == "json":
            write_rows(rows, self._format, {"ID": self._short_id, **_TABLE})

    def _row(self, dead_letter_id: str, ended: Ended | None) -> Row:
        if ended is not None and ended.first_run is not None:
            return {
                **self._head(dead_letter_id),
                "outcome": "not_taken",
                "state": ended.state,
                "class_after": None,
                "message": f"run {ended.first_run} was first",
            }
        failure = None if ended is None else ended.failure
        return {
            **self._head(dead_letter_id),
            "outcome": None if ended is None else ended.outcome,
            "state": "replaying" if ended is None else ended.state,
            "class_after": None if failure is None else failure.error_class,
            "message": None if failure is None else failure.message,
        }

    def _not_sent(self, dead_letter_id: str, why: str) -> Row:
        return {
            **self._head(dead_letter_id),
            "outcome": "not_sent",
            "state": "open",
            "class_after": None,
            "message": why,
        }

    def _short_id(self, row: Row) -> str:
        return short_id(str(row["id"]), {self._source_topic})

    def _head(self, dead_letter_id: str) -> Row:
        letter = self._letters.get(dead_letter_id)
        return {
            "run": self._run_id,
            "id": dead_letter_id,
            "class_before": None if letter is None else letter.error_class,
            "session": None if letter is None else letter.session,
            "event_id": None if letter is None else letter.event_id,
        }


def summary(run_id: str, sent: Mapping[str, int], awaited: Awaited | None, sending: Sent) -> str:
    """What became of the run, in a sentence."""
    parts = [f"{len(sent):,} sent"]
    if awaited is not None:
        found = Counter(_end(ended) for ended in awaited.ended.values())
        parts += [f"{count:,} {name}" for name, count in sorted(found.items())]
        parts += [f"{len(awaited.waiting):,} under way"] * bool(awaited.waiting)
    parts += [f"{len(sending.refused):,} not sent"] * bool(sending.refused)
    return f"Run {run_id}: {', '.join(parts)}."


def _end(ended: Ended) -> str:
    if ended.first_run is not None:
        return "not taken (another run was first)"
    return "failed again" if ended.state == "open" else ended.state


def _short(text: str | None) -> str:
    return text or "-"


def _what(row: Row) -> str:
    return _short(
        _WORDS.get(row["outcome"], row["outcome"])
        or ("under way" if row["state"] == "replaying" else row["state"])
    )


_WORDS = {"not_taken": "not taken"}
_TABLE = {
    "WAS": lambda row: _short(row["class_before"]),
    "BECAME": _what,
    "NOW": lambda row: _short(row["class_after"] or row["message"]),
    "SESSION": lambda row: _short(row["session"]).rpartition("/")[2],
    "EVENT": lambda row: _short(row["event_id"]),
}


def notes_of(sending: Sent, left: int) -> Iterator[str]:
    """What has to be said of the sending; `left`: how many were not sent."""
    if sending.stopped is not None:
        yield f"Sending stopped: {sending.stopped}"
    if sending.unanswered:
        yield f"{len(sending.unanswered):,} had no answer: they may be there all the same."
    if left:
        yield f"{left:,} not sent."

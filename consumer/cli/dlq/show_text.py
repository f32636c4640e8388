"""`dlq show` for people: 80 columns, what to do before what it is. Pure."""

import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from textwrap import wrap
from typing import Any

from consumer.cli.rows import cut, one_line
from consumer.cli.running import duration
from consumer.dlq.dossier import Dossier
from consumer.dlq.event_view import Line, annotated, excerpt

WIDTH = 80
# Lines of an event that are shown where nothing is wrong with them; those that are broken always are.
MOST_LINES = 60
MOST_OUTCOMES = 8
_INDENT = 15


def lines_of(found: Mapping[str, Any], dossier: Dossier, now_seconds: float) -> Iterator[str]:
    """`found`: as for programs."""
    for line in _lines(found, dossier, now_seconds):
        yield (
            cut(one_line(line), shutil.get_terminal_size().columns) if sys.stdout.isatty() else one_line(line)
        )


def _lines(found: Mapping[str, Any], dossier: Dossier, now_seconds: float) -> Iterator[str]:
    yield f"Dead letter {found['id']}"
    for name, text in _head(found, dossier, now_seconds):
        if text:
            yield from _wrapped(name, str(text))
    yield ""
    yield from _event(found, dossier)
    yield ""
    yield "What Zoho would be sent (sessionData)"
    if found["session_data"] is None:
        yield from _plain(f"nothing: {found['session_data_problem']}")
    else:
        yield from (cut(f"  {line}", WIDTH) for line in _json(found["session_data"]))
    yield ""
    yield "What happened to it"
    for entry in found["history"]:
        yield from _wrapped(f"  {_moment(entry['at'])} ", _happened(entry))
    yield ""
    yield "Its session since"
    yield from _since(found["session_since"], found)


def _head(found: Mapping[str, Any], dossier: Dossier, now_seconds: float) -> Iterator[tuple[str, Any]]:
    letter = dossier.letter
    ago = duration(now_seconds - letter.failed_at_seconds)
    calls = f"{found['calls']:,} call{'' if found['calls'] == 1 else 's'}"
    yield "state", f"{found['state']}{_why(dossier)}"
    yield "class", f"{found['class']} ({'retryable' if found['retryable'] else 'not retryable as it is'})"
    yield "what is wrong", found["message"]
    yield "whose fault", found["fault"]
    yield "do next", found["next_step"] if found["state"] == "open" else ""
    yield "runbook", found["runbook"]
    said = (found["http_status"], found["zoho_code"], found["zoho_message"])
    yield "Zoho said", ", ".join(str(each) for each in said if each is not None)
    yield "failed", f"{_moment(found['failed_at'])} UTC, {ago} ago, after {calls}"
    times = {0: "never", 1: "once"}
    yield "replayed", times.get(found["replay_count"], f"{found['replay_count']:,} times")
    where = ("course", "batch", "module")
    ids = (found["session"] or "").split("/")
    yield "session", ids[-1] or "(unknown)"
    yield "  in", ", ".join(f"{name} {each}" for name, each in zip(where, ids[:-1], strict=False))
    yield "event", found["event_id"] or "(unknown)"
    yield "  source", found["event_source"]
    yield "  time", found["event_time"]
    yield "  trace", found["trace_id"]
    yield "account", found["account"]
    yield "first read", "{topic}, partition {partition}, offset {offset}".format(**found["origin"])
    topic = dossier.copies[0][1].topic
    yield "now at", f"{topic}, partition {letter.partition}, offset {letter.offset}"


def _why(dossier: Dossier) -> str:
    """What made the state what it is."""
    change, waiting, applied = dossier.standing.change, dossier.standing.waiting, dossier.standing.applied
    state = dossier.standing.state
    if state == "replaying" and waiting is not None:
        return f": run {waiting.run_id} waits for its turn"
    if change is not None and change.state == state:
        by = f" by {change.by}" if change.by else ""
        reason = f": {change.reason}" if change.reason else ""
        return f"{by}{reason}"
    if state == "superseded" and applied is not None:
        return f": event {applied.event.id}, which is newer, was applied"
    return ""


def _event(found: Mapping[str, Any], dossier: Dossier) -> Iterator[str]:
    value = dossier.record.value
    size = "no value" if value is None else f"{len(value):,} bytes"
    yield f"The event ({found['event_mode'] or 'in neither CloudEvents mode'}, {size})"
    if found["event_problem"] is not None:
        yield from _plain(found["event_problem"])
    if found["event"] is not None:
        yield from _marked(annotated(found["event"], found["details"]))
    elif value is not None:
        for row in excerpt(value, found["event_problem"]):
            # Cut by characters: there is nothing in it that could be broken at words.
            yield from (f"  | {row[start : start + WIDTH - 4]}" for start in range(0, len(row), WIDTH - 4))


def _marked(lines: Sequence[Line]) -> Iterator[str]:
    """The broken ones with a mark in front and their problems below; of many others, the first ones."""
    left_out = cut_short = 0
    for number, (text, problems) in enumerate(lines):
        if number >= MOST_LINES and not problems:
            left_out += 1
            continue
        cut_short += len(text) > WIDTH - 2
        yield f"{'>' if problems else ' '} {cut(text, WIDTH - 2)}"
        indent = " " * (len(text) - len(text.lstrip()) + 2)
        for problem in problems:
            yield from wrap(problem, WIDTH, initial_indent=f"{indent}^ ", subsequent_indent=f"{indent}  ")
    if left_out:
        yield f"  … {left_out:,} more lines; -o json has all"
    elif cut_short:
        yield "  Long lines are cut; -o json has all."


def _happened(entry: Mapping[str, Any]) -> str:
    run = f" (run {entry['run_id']})" if entry.get("run_id") else ""
    by = f" by {entry['by']}" if entry.get("by") else ""
    reason = f": {entry['reason']}" if entry.get("reason") else ""
    match entry["what"]:
        case "failed":
            again = "failed again" if entry["replay_count"] else "failed"
            return f"{again}, {entry['class']}: {entry['message']}"
        case "replayed":
            return f"replayed{', mended,' if entry['mended'] else ''}{by}{run}{reason}"
        case "discarded":
            return f"discarded{by}{reason}"
        case what:
            outcome = f" ({entry['outcome']})" if entry["outcome"] and entry["outcome"] != what else ""
            return f"{what}{outcome}{run}"


def _since(since: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    if found["session"] is None:
        yield "  its session is not known"
        return
    applied = since["applied"]
    if applied is None:
        yield "  nothing of it was ever applied"
    else:
        newest = f"{applied.get('id')}, {_revision(applied)}at {_moment(str(applied.get('at')))}"
        yield from _wrapped("  applied last", newest)
    outcomes = since["outcomes"]
    if len(outcomes) > MOST_OUTCOMES:
        yield f"  {len(outcomes) - MOST_OUTCOMES:,} earlier outcomes; -o json has all"
    for each in outcomes[-MOST_OUTCOMES:]:
        event = each.get("event")
        said = f"{each.get('outcome')}: {event.get('id')}" if isinstance(event, dict) else "?"
        yield from _wrapped(f"  {_moment(str(each.get('at')))} ", said)
    for other in since["open_dead_letters"]:
        yield from _wrapped("  also open", f"{other['id']}, {other['class']}")


def _revision(event: Mapping[str, Any]) -> str:
    return "" if event.get("revision") is None else f"revision {event['revision']}, "


def _moment(text: str) -> str:
    """A time as it was written, in UTC, to the second."""
    try:
        return datetime.fromisoformat(text).isoformat(" ")[:19]
    except ValueError:
        return text[:19]


def _json(content: Mapping[str, Any]) -> list[str]:
    return json.dumps(content, indent=2, ensure_ascii=False).split("\n")


def _wrapped(name: str, text: str) -> list[str]:
    """A name, and its text beside it in as many lines as it needs."""
    indent = max(_INDENT, len(name) + 1)
    return wrap(
        one_line(text).rstrip(),
        WIDTH,
        initial_indent=f"{one_line(name):{indent}}",
        subsequent_indent=" " * indent,
    )


def _plain(text: str) -> list[str]:
    return wrap(one_line(text), WIDTH, initial_indent="  ", subsequent_indent="  ")

"""`dlq stats` for people: 80 columns, the worst first. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from textwrap import wrap

from consumer.cli.dlq_words import short_id
from consumer.cli.rows import cut, one_line
from consumer.cli.running import duration
from consumer.dlq.advice import advice
from consumer.dlq.stats import STATES, Count, Stats, most_open_first

WIDTH = 80
NAME_COLUMNS = 17
# Publishers choose their names: more of them than this are summed up.
MOST_NAMES = 8
BARS = " ▁▂▃▄▅▆▇█"
MOST_BARS = 48


def lines_of(stats: Stats, own_topics: Collection[str], *, several: bool) -> Iterator[str]:
    """The whole picture; `several`: whether there are several accounts to be told apart."""
    if not stats.all.total:
        yield "No dead letters."
        return
    yield from _totals(stats, own_topics)
    yield ""
    yield from _counts("CLASS", stats.classes(), stats.now_seconds)
    yield from _next_steps(stats)
    yield ""
    yield from _counts("PUBLISHER", most_open_first(stats.by_source), stats.now_seconds)
    if several:
        yield ""
        yield from _counts("ACCOUNT", most_open_first(stats.by_account), stats.now_seconds)
    yield ""
    yield from _hours(stats.by_hour)


def _totals(stats: Stats, own_topics: Collection[str]) -> Iterator[str]:
    total, oldest = stats.all, stats.all.oldest_open
    yield f"{total.total:,} dead letter{'' if total.total == 1 else 's'}: " + ", ".join(
        f"{total.by_state[state]:,} {state}" for state in STATES if total.by_state[state]
    )
    if oldest is not None:
        name = short_id(oldest.origin._asdict(), own_topics)
        since = duration(stats.now_seconds - oldest.failed_at_seconds)
        yield one_line(f"Oldest open: {name}, for {since} ({oldest.error_class}).")
    else:
        yield "Nothing is open."


def _counts(heading: str, counts: Sequence[tuple[str, Count]], now_seconds: float) -> Iterator[str]:
    yield _row(heading, [state.upper() for state in STATES], "OLDEST")
    for name, count in counts[:MOST_NAMES] if heading != "CLASS" else counts:
        oldest = count.oldest_open
        age = "-" if oldest is None else duration(now_seconds - oldest.failed_at_seconds)
        yield _row(name, [f"{count.by_state[state]:,}" for state in STATES], age)
    if heading != "CLASS" and (more := counts[MOST_NAMES:]):
        rest = [f"{sum(count.by_state[state] for _, count in more):,}" for state in STATES]
        yield _row(f"({len(more):,} more)", rest, "")


def _row(name: str, numbers: Sequence[str], age: str) -> str:
    """Names that don't fit are cut in their middle: publishers differ at the end."""
    name = one_line(name)
    if len(name) > NAME_COLUMNS:
        name = f"{name[:4]}…{name[5 - NAME_COLUMNS :]}"
    columns = [number.rjust(max(len(state) + 2, 9)) for state, number in zip(STATES, numbers, strict=True)]
    return cut(f"{name:{NAME_COLUMNS}}{''.join(columns)}  {age}".rstrip(), WIDTH)


def _next_steps(stats: Stats) -> Iterator[str]:
    """For each class of which some are open: whose fault, what to do, and the runbook's page."""
    names = [name for name, count in stats.classes() if count.by_state["open"]]
    if names:
        yield ""
        yield "WHAT TO DO NEXT"
    for name in names:
        fault, step, page = advice(name)
        yield from wrap(one_line(f"{name} ({fault}): {step}"), WIDTH, subsequent_indent="  ")
        yield f"  {page}"


def _hours(by_hour: Mapping[datetime, Count]) -> Iterator[str]:
    """A bar for each hour, or for several together where there are many."""
    counts = [count.total for count in by_hour.values()]
    each = -(-len(counts) // MOST_BARS)
    bars = [sum(counts[max(0, end - each) : end]) for end in range(len(counts), 0, -each)][::-1]
    most, first = max(bars), min(by_hour)
    unit = "hour" if each == 1 else f"{each} hours"
    yield f"FAILED IN EACH {unit.upper()} SINCE {first:%Y-%m-%d %H:%M} UTC"
    if not most:
        yield f"none in the last {len(counts)} hours"
        return
    drawn = "".join(BARS[-(-bar * (len(BARS) - 1) // most)] for bar in bars)
    yield f"|{drawn}|  {sum(counts):,} in all, {most:,} at most"

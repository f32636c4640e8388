"""`dlq stats` for people: 80 columns, the worst first. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from textwrap import wrap

from consumer.cli.dlq.words import short_id
from consumer.cli.rows import cut, one_line
from consumer.cli.running import duration
from consumer.dlq.stats import STATES, Count, Stats, most_open_first
from consumer.runbook import advice

WIDTH = 80
CLASS_COLUMNS = 17
NAME_COLUMNS = 41
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
    yield from _classes(stats)
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
        name = short_id(oldest.id, own_topics)
        since = duration(stats.now_seconds - oldest.failed_at_seconds)
        yield one_line(f"Oldest open: {name}, for {since} ({oldest.error_class}).")
    elif replaying := total.by_state["replaying"]:
        are = "is" if replaying == 1 else "are"
        yield f"None is open, but {replaying:,} {are} not through yet: `dlq runs` has more."
    else:
        yield "Nothing is open."


def _classes(stats: Stats) -> Iterator[str]:
    yield _row("CLASS", CLASS_COLUMNS, [state.upper() for state in STATES], "OLDEST")
    for name, count in stats.classes():
        numbers = [f"{count.by_state[state]:,}" for state in STATES]
        yield _row(name, CLASS_COLUMNS, numbers, _oldest(count, stats.now_seconds))


def _counts(heading: str, counts: Sequence[tuple[str, Count]], now_seconds: float) -> Iterator[str]:
    """What is open of each name, and what is done: names are long, and need the room."""
    yield _row(heading, NAME_COLUMNS, ["OPEN", "REPLAYING", "DONE"], "OLDEST")
    for name, count in counts[:MOST_NAMES]:
        yield _row(name, NAME_COLUMNS, _open_or_done([count]), _oldest(count, now_seconds))
    if more := [count for _, count in counts[MOST_NAMES:]]:
        yield _row(f"({len(more):,} more)", NAME_COLUMNS, _open_or_done(more), "")


def _open_or_done(counts: Collection[Count]) -> list[str]:
    waits = [sum(count.by_state[state] for count in counts) for state in ("open", "replaying")]
    return [f"{number:,}" for number in (*waits, sum(count.total for count in counts) - sum(waits))]


def _oldest(count: Count, now_seconds: float) -> str:
    oldest = count.oldest_open
    return "-" if oldest is None else duration(now_seconds - oldest.failed_at_seconds)


def _row(name: str, width: int, numbers: Sequence[str], age: str) -> str:
    """Names that don't fit are cut in their middle: publishers differ at the end."""
    name = one_line(name)
    if len(name) > width:
        name = f"{name[: width // 4]}…{name[width // 4 + 1 - width :]}"
    columns = [number.rjust(max(len(state) + 2, 9)) for state, number in zip(STATES, numbers, strict=False)]
    return cut(f"{name:{width}}{''.join(columns)}  {age}".rstrip(), WIDTH)


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

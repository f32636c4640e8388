"""What the demo shows: a live view on a terminal, plain lines elsewhere, and a summary for newcomers."""

from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from consumer.demo.stage import LIMITS, SOURCE, Stage, text
from consumer.records import Record
from schemas import dead_letter as names


def live_view(stage: Stage, seconds: float) -> RenderableType:
    """One picture of how things stand."""
    account = next(iter(stage.app.status()["accounts"].values()), None)
    audit = stage.zoho.audit()
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(width=24)
    grid.add_column()
    done, told = stage.done(), len(stage.told)
    grid.add_row(
        "events with an outcome",
        ProgressBar(total=max(told, 1), completed=done, width=24),
        f"{done} of {told}",
    )
    used = account["quota"]["used"] if account else 0
    grid.add_row(
        "slots of the quota",
        ProgressBar(total=LIMITS.requests, completed=used, width=24),
        f"{used} of {LIMITS.requests}",
    )
    state = account["state"] if account else "starting"
    style = {"running": "green", "standby": "dim", "starting": "dim"}.get(state, "yellow")
    shown = {"standby": "joining the group", "throttled": "pausing: a doubtful answer"}.get(state, state)
    grid.add_row("account", Text(shown, style=style), f"{audit.calls} calls, {audit.writes} writes")
    return Group(Text(f"session-consumer demo, {seconds:4.1f} s", style="bold"), grid)


def plain_line(stage: Stage, seconds: float) -> str:
    """The same in one line."""
    audit = stage.zoho.audit()
    return (
        f"{seconds:5.1f} s  {stage.done()} of {len(stage.told)} events have an outcome, {audit.calls} calls"
    )


def show_summary(console: Console, stage: Stage, letters: list[Record], problems: list[str]) -> None:
    """What was applied, what was dead-lettered and why, and how the quota was kept."""
    audit = stage.zoho.audit()
    console.print(f"\n[bold]{len(stage.told)} events[/] were published to {SOURCE}.")
    proof = "." if problems else ": Zoho has every session as it was last published."
    console.print(f"[green]{stage.done('applied')} were applied[/]{proof}")
    needless = stage.done("superseded") + stage.done("stale") + stage.done("duplicate")
    if needless:
        console.print(f"{needless} cost no call: a newer event of their session says all that they say.")
    if letters:
        _show_dead_letters(console, letters)
    else:
        console.print("None is in the dead-letter topic.")
    seconds = f"{LIMITS.window_seconds:g} s (Zoho's minute, scaled)"
    console.print(
        f"\n[bold]{audit.calls} calls[/], never more than {audit.most_in_window} in any {seconds}; "
        f"{LIMITS.requests} are allowed. Locks: {audit.locks}."
    )
    if problems:
        console.print("\n[bold red]The result is wrong:[/]")
        for problem in problems:
            console.print(f"  {problem}", markup=False)
    else:
        console.print("[green]Checked: every event is where it belongs, nothing lost, no lock.[/]")


def _show_dead_letters(console: Console, letters: list[Record]) -> None:
    console.print(
        f"[yellow]{len(letters)} are in the dead-letter topic[/] {SOURCE}.dlq, each with its reason:\n"
    )
    table = Table(box=None, padding=(0, 1), header_style="dim", show_edge=False)
    table.add_column("class", no_wrap=True)
    table.add_column("retry?", no_wrap=True)
    table.add_column("what went wrong")
    for letter in sorted(letters, key=lambda letter: text(letter, names.EVENT_ID) or ""):
        retry = "yes" if text(letter, names.ERROR_RETRYABLE) == "true" else "no"
        table.add_row(text(letter, names.ERROR_CLASS), retry, Text(text(letter, names.ERRORS_MESSAGE) or ""))
    console.print(table)

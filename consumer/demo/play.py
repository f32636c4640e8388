"""Plays the demo on its stage, from the first event to the checked result."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime

from rich.console import Console
from rich.live import Live

from consumer.demo.catalogue import GOOD_SESSIONS, Catalogue
from consumer.demo.stage import LIMITS, SOURCE, Stage, set_up
from consumer.demo.view import live_view, plain_line, show_summary

# Nothing here takes longer unless something is wrong.
OPENING_SECONDS = 17.0
FRAME_SECONDS = 0.1
NEXT_STORY_SECONDS = 0.35


async def play(
    console: Console, progress: Console, *, rush: int, keep: Callable[[Stage], Awaitable[None]] | None
) -> bool:
    """Run it: True if the result is what it must be. `rush` changes at once instead of the usual show.

    `keep` is awaited with everything still running, once the summary is shown.
    """
    catalogue = Catalogue(SOURCE, datetime.now(tz=UTC).date())
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(set_up(catalogue))
        if rush:
            stage.tell(catalogue.rush(rush))
            sessions = min(rush, GOOD_SESSIONS)
            # Those that are read after the first calls have left need a second one.
            seconds = quota_seconds(2 * sessions)
            progress.print(
                f"{rush} changes of {sessions} sessions published; {LIMITS.requests} calls in "
                f"{LIMITS.window_seconds:g} s are allowed, and the newest of a session wins."
            )
            await _watch(stage, progress, seconds + OPENING_SECONDS, None)
        else:
            stage.tell(catalogue.opening())
            await _watch(stage, progress, OPENING_SECONDS, catalogue)
        if (reason := stage.why_ended()) is not None:
            console.print(f"The consumer ended: {reason}", style="bold red", markup=False)
            return False
        letters = await asyncio.to_thread(stage.dead_letters)
        problems = stage.problems(letters)
        if stage.done() < len(stage.told):
            problems.append(f"{len(stage.told) - stage.done()} events have no outcome yet")
        show_summary(console, stage, letters, problems)
        if keep is not None:
            await keep(stage)
    return not problems


def quota_seconds(changes: int) -> float:
    """From the first call to the last: the first window's calls leave at once, the others wait their turn."""
    return (changes - 1) // LIMITS.requests * LIMITS.window_seconds


async def _watch(stage: Stage, progress: Console, seconds: float, catalogue: Catalogue | None) -> None:
    """Show how it goes until every event has an outcome, or the consumer ended; with a catalogue, tell on.

    Events that fail at Zoho are given up only while others are served, as in real life: so there are
    always some more.
    """
    started = time.monotonic()
    more = None if catalogue is None else catalogue.more()
    next_story_at = next_line_at = started + 1.0
    live = Live(console=progress, auto_refresh=False, transient=True) if progress.is_terminal else None
    with live or progress:
        while stage.done() < len(stage.told) and not stage.running.done():
            now = time.monotonic()
            if now - started >= seconds:
                break
            if more is not None and now >= next_story_at and stage.done() > 0:
                stage.tell([next(more)])
                next_story_at = now + NEXT_STORY_SECONDS
            if live is not None:
                live.update(live_view(stage, now - started), refresh=True)
            elif now >= next_line_at:
                progress.print(plain_line(stage, now - started), highlight=False)
                next_line_at = now + 1.0
            await asyncio.sleep(FRAME_SECONDS)

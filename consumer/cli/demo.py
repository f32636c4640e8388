"""`session-consumer demo`."""

import asyncio
import os
import signal

import click
from rich.console import Console

from consumer.cli import exit_codes
from consumer.demo.play import play
from consumer.demo.stage import Stage
from consumer.telemetry import configure_logging


@click.command()
@click.option("--keep", is_flag=True, help="Leave everything running, and print the settings to use it.")
@click.option("--rush", type=click.IntRange(1, 5000), help="Publish so many changes at once instead.")
def demo(*, keep: bool, rush: int | None) -> None:
    """Watch real events go through a broker, the consumer and an emulated Zoho, on this machine alone.

    Takes less than 20 seconds and checks its own result: exit code 1 if it is wrong.
    """
    configure_logging("console", "error")
    plain = "NO_COLOR" in os.environ
    console, progress = Console(no_color=plain, highlight=False), Console(stderr=True, no_color=plain)
    if plain or os.environ.get("TERM") == "dumb":
        progress = Console(stderr=True, no_color=True, force_terminal=False)
    code = asyncio.run(_play(console, progress, rush=rush or 0, keep=keep))
    raise click.exceptions.Exit(code)


async def _play(console: Console, progress: Console, *, rush: int, keep: bool) -> int:
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()
    for number, code in ((signal.SIGTERM, exit_codes.DONE), (signal.SIGINT, exit_codes.INTERRUPTED)):
        loop.add_signal_handler(number, _end, ended, code)

    async def wait(stage: Stage) -> None:
        _tell_settings(console, stage)
        await ended

    playing = asyncio.ensure_future(play(console, progress, rush=rush, keep=wait if keep else None))
    if not keep:  # then a signal breaks the play off; with it, it ends the waiting after the summary
        ended.add_done_callback(lambda _: playing.cancel())
    try:
        good = await playing
    except asyncio.CancelledError:
        return ended.result()
    if ended.done():
        return ended.result()
    return exit_codes.DONE if good else exit_codes.FINDINGS


def _end(ended: asyncio.Future[int], code: int) -> None:
    if not ended.done():
        ended.set_result(code)


def _tell_settings(console: Console, stage: Stage) -> None:
    port = stage.settings["CONSUMER_HTTP_PORT"]
    console.print("\nEverything is still running. In another terminal:\n")
    for name, value in stage.settings.items():
        if name not in ("CONSUMER_HTTP_PORT", "CONSUMER_HTTP_HOST"):
            console.print(f"export {name}={value}", markup=False, soft_wrap=True)
    console.print("\nsession-consumer event example | session-consumer event publish -")
    console.print(f"curl http://127.0.0.1:{port}/status", soft_wrap=True)
    console.print(f"Zoho's side, as a page: {stage.zoho.url}/   (Ctrl+C ends it all)", soft_wrap=True)

"""`session-consumer run`."""

import asyncio
import gc
import os
import signal

import click
import structlog

from consumer.app import App
from consumer.cli.failures import exit_codes_from_errors
from consumer.settings import load_settings
from consumer.telemetry import configure_logging

log = structlog.get_logger(__name__)


@click.command()
def run() -> None:
    """Run the consumer until SIGTERM or SIGINT, then drain and exit 0.

    Exit codes: 2 settings or missing topics, 3 Kafka can't be reached within 60 s,
    4 Kafka refuses the credential or a right is missing, 70 an internal error: please report its line.
    """
    with exit_codes_from_errors():
        settings = load_settings(os.environ)
        configure_logging(settings.log_format, settings.log_level)
        for warning in settings.warnings:
            log.warning("setting", problem=warning)
        # What the imports made stays to the end; unfrozen it is searched again and again, which is an
        # eighth of the time of a flood of bad events (`make bench`).
        gc.freeze()
        asyncio.run(_run(App(settings, os.environ)))


async def _run(app: App) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, app.stop)
    await app.run()

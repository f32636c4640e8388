"""The command and its groups."""

import errno
import os
import sys
from contextlib import suppress

import click

from consumer import __version__
from consumer.cli import exit_codes
from consumer.cli.lazy import Commands, lazy_group

COMMANDS: Commands = {
    "check": (
        "consumer.cli.check",
        "check",
        "Check settings, network, Kafka, topics, rights, clock and Zoho.",
    ),
    "demo": (
        "consumer.cli.demo",
        "demo",
        "Watch it work: broker, Zoho and consumer on this machine.",
    ),
    "dlq": (
        "consumer.cli.dlq",
        "dlq",
        "See what failed and why; replay or discard it.",
    ),
    "emulator": (
        "consumer.cli.emulator",
        "emulator",
        "Serve the Zoho API, with its limits and faults.",
    ),
    "event": ("consumer.cli.event", "event", "Check, publish and explain events."),
    "run": ("consumer.cli.run", "run", "Run the consumer."),
    "status": (
        "consumer.cli.status",
        "status",
        "Show the accounts' state, or what became of an event.",
    ),
    "topics": ("consumer.cli.topics", "topics", "Create and describe the account's topics."),
}


def main() -> None:
    """Run the command line; never returns. Ctrl+C ends it with 130, as the contract says.

    A bug ends it with 70 and one line: a traceback may quote an event or a secret.
    """
    unwritable = _NO_ROOM
    if sys.stdout is None:  # closed by the shell: `>&-`
        # One that refuses what is written, and keeps its number from whatever is opened next.
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8")
        unwritable = _NO_ROOM | {errno.EBADF}
    try:
        code = cli.main(standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Abort:
        click.echo("Interrupted.", err=True)
        code = exit_codes.INTERRUPTED
    except click.ClickException as exc:
        exc.show()
        code = exc.exit_code
    except (SystemExit, KeyboardInterrupt):
        raise
    except OSError as exc:
        code = _tell_os_error(exc, unwritable)
    except BaseException as exc:  # noqa: BLE001  (the process edge; a stray CancelledError is a bug as well)
        _tell_internal_error(exc)
        code = exit_codes.INTERNAL
    sys.exit(code if isinstance(code, int) else exit_codes.DONE)


# What writing to a file ends with where the file can't take it.
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def _tell_os_error(exc: OSError, unwritable: frozenset[int]) -> int:
    """What can't be written to is for its user to mend; any other error is a bug."""
    if exc.errno not in unwritable or exc.filename is not None:
        _tell_internal_error(exc)
        return exit_codes.INTERNAL
    with suppress(OSError):  # stderr may be the same file
        click.echo(f"Error: the output can't be written ({exc.strerror}).", err=True)
    # Python tries again at its end to write what is left, and would exit with a code of its own.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return exit_codes.USAGE


def _tell_internal_error(exc: BaseException) -> None:
    # Imported here: they would cost every `--help` a fifth of a second.
    import structlog  # noqa: PLC0415

    from consumer.telemetry.lines import describe_exception  # noqa: PLC0415

    if structlog.is_configured():
        structlog.get_logger(__name__).error("internal error; please report it", exc_info=exc)
    else:
        described = " ".join(describe_exception(exc).split())
        click.echo(f"Internal error: {described}; please report it", err=True)


@click.group(cls=lazy_group(COMMANDS), context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="session-consumer")
def cli() -> None:
    """Keep Zoho People training sessions up to date from Kafka events.

    Settings are environment variables (CONSUMER_…), see the README.
    """

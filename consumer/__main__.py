"""`session-consumer`, also `python -m consumer`."""

import os
import signal

_ENDED_BY_SIGTERM = 128 + signal.SIGTERM


def main() -> None:
    """Run the command line; never returns."""
    # The kernel keeps from a container's first process each signal that it has no handler for: without this
    # one a SIGTERM before `run` has its own, or during any other command, would be lost, and the platform
    # would wait out its grace time.
    if os.getpid() == 1:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(_ENDED_BY_SIGTERM))
    from consumer.cli.main import main as command_line  # noqa: PLC0415  (half a second in which to be told)

    command_line()


if __name__ == "__main__":
    main()

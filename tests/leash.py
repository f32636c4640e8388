"""Nothing that a test starts outlives the test run, not even where the run itself is killed."""

import contextlib
import os
import signal
import socket
import subprocess

_REAP_SECONDS = 10


class Leash:
    """Kills a process of ours (SIGKILL, frozen or not) as soon as this process is gone.

    A shell waits on a pipe whose other end only we hold; the end of the pipe is the end of us. Not
    PR_SET_PDEATHSIG, which is Linux only and fires when the starting *thread* ends.
    """

    def __init__(self, pid: int) -> None:
        # `read` ends at the end of the pipe. The process was started as the head of its own session.
        self._shell = subprocess.Popen(
            ["sh", "-c", 'read _; kill -9 -"$1" 2>/dev/null', "leash", str(pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def release(self) -> None:
        """Let go, once the process has ended: its pid may belong to another soon."""
        self._shell.kill()
        self._shell.wait(_REAP_SECONDS)
        if self._shell.stdin is not None:
            self._shell.stdin.close()


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """End a process that heads its own session, and what it started; returns when it is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(_REAP_SECONDS)


def free_port() -> int:
    """A port of the loopback address that nobody had a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

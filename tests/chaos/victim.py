"""`python -m tests.chaos.victim REPLICA [DEED LABEL NTH SECONDS]`: the command `run`, named in the group.

At the label's nth passage it kills itself (DEED `kill`), or says so in a line of its log and freezes for so
long (`freeze`). The name is Kafka's client id: it makes the broker's own record of the group say which
replica owned what.
"""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial

from consumer.cli.main import main
from consumer.kafka import connection
from tests.chaos import labels


def play(arguments: list[str]) -> None:
    """Never returns. LookupError where the product no longer has what is wrapped here."""
    if not hasattr(connection, "CLIENT_ID"):
        raise LookupError("consumer.kafka.connection has no CLIENT_ID; mend tests/chaos/victim.py")
    name, *ambush = arguments
    connection.CLIENT_ID = name
    labels.check()
    if ambush:
        deed, label, nth, seconds = ambush
        labels.arm(label, int(nth), _kill if deed == "kill" else partial(_freeze, label, float(seconds)))
    sys.argv[1:] = ["run"]
    main()


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _freeze(label: str, seconds: float) -> None:
    """SIGSTOP, until a child of ours, which does not stop with us, sends SIGCONT."""
    now = time.time()
    # Said before it is so: who is killed in its sleep says nothing any more.
    said = json.dumps({"frozen_at": label, "from": now, "to": now + seconds})
    print(said, file=sys.stderr, flush=True)
    subprocess.Popen(["sh", "-c", f"sleep {seconds}; kill -CONT {os.getpid()}"])
    os.kill(os.getpid(), signal.SIGSTOP)


if __name__ == "__main__":
    play(sys.argv[1:])

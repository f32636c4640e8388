"""`python -m tests.chaos.victim REPLICA [LABEL NTH]`: the command `run`, with a name in the group.

With a label it ends by SIGKILL at the label's nth passage. The name is Kafka's client id: it makes the
broker's own record of the group say which replica owned what.
"""

import sys

from consumer.cli.main import main
from consumer.kafka import connection
from tests.chaos import labels


def play(arguments: list[str]) -> None:
    """Never returns. LookupError where the product no longer has what is wrapped here."""
    if not hasattr(connection, "CLIENT_ID"):
        raise LookupError("consumer.kafka.connection has no CLIENT_ID; mend tests/chaos/victim.py")
    name, *armed = arguments
    connection.CLIENT_ID = name
    labels.check()
    if armed:
        label, nth = armed
        labels.arm(label, int(nth))
    sys.argv[1:] = ["run"]
    main()


if __name__ == "__main__":
    play(sys.argv[1:])

"""`session-consumer dlq`: the dead-letter topic for those who replay it. One module per command."""

import click

from consumer.cli.lazy import Commands, lazy_group

COMMANDS: Commands = {
    "stats": ("consumer.cli.dlq.stats", "stats", "The picture at a glance, and what to do next."),
    "list": ("consumer.cli.dlq.list", "list_command", "List dead letters: which, why, and where they stand."),
    "show": ("consumer.cli.dlq.show", "show", "Show all there is to know of one dead letter."),
    "replay": ("consumer.cli.dlq.replay", "replay", "Replay dead letters within the quota: a plan first."),
    "discard": ("consumer.cli.dlq.discard", "discard", "Settle dead letters that need no replay."),
    "export": ("consumer.cli.dlq.export", "export", "Write dead letters to files."),
    "runs": ("consumer.cli.dlq.runs", "runs", "List replay runs, and what became of each."),
}


@click.group(cls=lazy_group(COMMANDS))
def dlq() -> None:
    """See what failed and why, whose fault it is and what is still open; replay just that.

    Needs CONSUMER_KAFKA_… and, where the names differ from the defaults, CONSUMER_…_TOPIC or
    CONSUMER_ACCOUNTS_FILE. Reading disturbs nobody: no group, no offsets.
    """

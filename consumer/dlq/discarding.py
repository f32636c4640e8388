"""Which dead letters may be discarded, and which discarded ones opened again. Pure."""

from consumer.delivery.dead_letter_state import StateChange
from consumer.dlq.letter import Letter
from consumer.dlq.register import Standing


def discarded(
    letter: Letter, standing: Standing, *, by: str, reason: str, at: float, force: bool = False
) -> StateChange | str:
    """What to write, or a sentence that says why not. `at`: epoch seconds.

    `force`: one that is being replayed, too. Should its replay end all the same, that end is its state.
    """
    match standing.state:
        case "replaying" if force:
            return StateChange(letter.id, "discarded", standing.replay_count, None, by, reason, at)
        case "open":
            return StateChange(letter.id, "discarded", standing.replay_count, None, by, reason, at)
        case "replaying":
            run = "" if standing.waiting is None else f" by run {standing.waiting.run_id}"
            return f"is being replayed{run}: wait for what comes of it, or --force if that is lost."
        case "applied":
            return "was replayed and applied: there is nothing left to discard."
        case "superseded":
            return "needs none: a newer change of its session was applied."
        case "discarded":
            return "is discarded already."


def reopened(letter: Letter, standing: Standing, *, by: str, reason: str, at: float) -> StateChange | str:
    """The same for the undoing."""
    if standing.state != "discarded":
        return f"is {standing.state}, not discarded: there is nothing to undo."
    return StateChange(letter.id, "open", standing.replay_count, None, by, reason, at)

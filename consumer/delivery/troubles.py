"""What keeps an account's work from being recorded in Kafka; while there is any, no call is made."""

from collections.abc import Callable, Collection
from enum import StrEnum


class Trouble(StrEnum):
    """The kinds, the gravest first. Each has a reason in words while it lasts."""

    POSITION = "position"
    COMMIT = "commit"
    READING = "reading"
    DEAD_LETTER = "dead_letter"
    OUTCOME = "outcome"
    HISTORY = "history"
    TOPIC = "topic"
    BROKER = "broker"


# These keep any replica from owning the account.
WITHOUT_OWNER = (Trouble.TOPIC, Trouble.BROKER)
# These are an ownership's, and end with it.
OF_OWNERSHIP = (
    Trouble.POSITION,
    Trouble.COMMIT,
    Trouble.READING,
    Trouble.DEAD_LETTER,
    Trouble.OUTCOME,
)


class Troubles:
    """The troubles in force. `on_change` is called when the set or a reason changes."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._reasons: dict[Trouble, str] = {}
        self._on_change = on_change

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._reasons)

    def report(self, trouble: Trouble, reason: str) -> None:
        """The trouble is there, or has a new reason."""
        if self._reasons.get(trouble) != reason:
            self._reasons[trouble] = reason
            self._on_change()

    def clear(self, trouble: Trouble) -> None:
        """The trouble is over, if it was there."""
        if self._reasons.pop(trouble, None) is not None:
            self._on_change()

    def tell(self, trouble: Trouble, reason: str | None) -> None:
        """The trouble's reason, or None: it is over."""
        if reason is None:
            self.clear(trouble)
        else:
            self.report(trouble, reason)

    def ownership_ended(self) -> None:
        """What was the owner's trouble is the next one's to find."""
        for trouble in OF_OWNERSHIP:
            self.clear(trouble)

    def gravest(self, among: Collection[Trouble] = tuple(Trouble)) -> tuple[Trouble, str] | None:
        """The one to show, with its reason."""
        for trouble in among:
            if trouble in self._reasons:
                return trouble, self._reasons[trouble]
        return None

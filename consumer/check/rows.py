"""What a check found: one row for each thing that was looked at. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum

# What Zoho and brokers give out is far longer; what is shorter is a slip, and whatever it opens is open.
SHORTEST_SECRET = 4


class Mark(StrEnum):
    """Well, not well, or not looked at."""

    OK = "ok"
    BAD = "bad"
    UNCHECKED = "unchecked"


class Gravity(IntEnum):
    """What kind of thing is not well, the gravest last: what is wrong there makes the others unsure.

    An unreachable host may be back in a minute; a refusal needs a person; settings come before all.
    """

    FINDING = 1
    UNREACHABLE = 2
    REFUSED = 3
    SETTINGS = 4


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that was looked at: what was found, and what to do about it, in words.

    `gravity` is None unless `mark` is BAD. `account` is empty for what all accounts share.
    """

    group: str
    subject: str
    mark: Mark
    found: str
    todo: str = ""
    gravity: Gravity | None = None
    account: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Makes the rows of one group of checks, of one account or of all."""

    name: str
    account: str = ""

    def ok(self, subject: str, found: str, todo: str = "") -> Row:
        """It is well."""
        return Row(self.name, subject, Mark.OK, found, todo, account=self.account)

    def bad(self, gravity: Gravity, subject: str, found: str, todo: str) -> Row:
        """It is not."""
        return Row(self.name, subject, Mark.BAD, found, todo, gravity, self.account)

    def unchecked(self, subject: str, why: str, todo: str = "") -> Row:
        """Nobody looked, for this reason."""
        return Row(self.name, subject, Mark.UNCHECKED, why, todo, account=self.account)


def gravest(rows: Iterable[Row]) -> Gravity | None:
    """The gravest thing that is not well; None where all is, as far as was looked."""
    return max((row.gravity for row in rows if row.gravity is not None), default=None)


def without(rows: Iterable[Row], secrets: Iterable[str]) -> list[Row]:
    """The rows with these texts blotted out: the last line of defence, should a broker or Zoho quote one."""
    # One of a letter or two would take every such letter out of the rows, and tells by that which it is.
    hidden = sorted({each for each in secrets if len(each) >= SHORTEST_SECRET}, key=len, reverse=True)

    def blotted(text: str) -> str:
        for secret in hidden:
            text = text.replace(secret, "[secret]")
        return text

    return [
        replace(row, subject=blotted(row.subject), found=blotted(row.found), todo=blotted(row.todo))
        for row in rows
    ]

"""What a run is to replay, as its first record carries it: enough to go on with it from anywhere. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from consumer.delivery.outcome import Origin
from consumer.dlq.selection import Selection

# The replay topic takes 1 MiB more than the source topic.
MAX_SCOPE_BYTES: Final = 512 * 1024
_SCHEMA: Final = 1


@dataclass(frozen=True, slots=True)
class Scope:
    """The selection, and which dead letters it was made among.

    `ends`: the dead-letter topic's ends when the run began, by partition; what came later is not the run's.
    `through`: see `plan.Rules`. `directory`: what `--from` held, as `digest` says it.
    """

    selection: Selection
    ends: Mapping[int, int]
    max_replays: int
    force: bool = False
    canary: int = 0
    through: tuple[Origin, ...] | None = None
    directory: str | None = None

    @property
    def lost_too(self) -> bool:
        """Whether also what is being replayed is meant: forced, and named by id or by that state.

        The ids of a directory name nothing: it was exported for another reason.
        """
        named = bool(self.selection.ids) or "replaying" in self.selection.states
        return self.force and named

    def to_json(self) -> str:
        """As it travels."""
        bounds = None if self.through is None else [list(origin) for origin in self.through]
        found = {
            "schema": _SCHEMA,
            "selection": json.loads(self.selection.to_json()),
            "ends": {str(partition): end for partition, end in self.ends.items()},
            "max_replays": self.max_replays,
            "force": self.force,
            "canary": self.canary,
            "through": bounds,
            "directory": self.directory,
        }
        return json.dumps(found, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Scope":
        """What `to_json` gave; ValueError where it is something else, or of another release."""
        try:
            found: dict[str, Any] = json.loads(text)
            if found["schema"] != _SCHEMA:
                raise ValueError("of another release")
            bounds = found["through"]
            if not isinstance(found["directory"], str | None):
                raise TypeError("directory")
            return cls(
                selection=Selection.from_json(json.dumps(found["selection"])),
                ends={int(partition): int(end) for partition, end in found["ends"].items()},
                max_replays=int(found["max_replays"]),
                force=bool(found["force"]),
                canary=int(found["canary"]),
                through=None if bounds is None else tuple(_origin(*each) for each in bounds),
                directory=found["directory"],
            )
        except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as exc:
            raise ValueError(f"not a run's scope: {type(exc).__name__}") from None


def _origin(topic: object, partition: object, offset: object) -> Origin:
    if not isinstance(topic, str) or type(partition) is not int or type(offset) is not int:
        raise TypeError("a place")
    return Origin(topic, partition, offset)

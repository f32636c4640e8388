"""Time zones from the locked `tzdata` package, never from the machine: every replica maps alike."""

from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo


class UnknownZoneError(ValueError):
    """No such zone in the `tzdata` package. The text is a sentence that says how to mend it."""


@cache
def zone_names() -> frozenset[str]:
    """Every IANA name that `load_zone` knows."""
    return frozenset(files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())


def load_zone(name: str) -> ZoneInfo:
    """The zone of that IANA name ("Europe/Berlin"); raises UnknownZoneError.

    The system's own zone data is never read (contract, section 3).
    """
    # Membership first: the name comes from outside and becomes a path.
    if name not in zone_names():
        raise UnknownZoneError(
            f"There is no time zone {name[:64]!r}; use an IANA name such as Asia/Kolkata or Europe/Berlin."
        )
    return _zone(name)


@cache
def _zone(name: str) -> ZoneInfo:
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as zone_file:
        return ZoneInfo.from_file(zone_file, key=name)

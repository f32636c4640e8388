"""Time zones from the package."""

import zoneinfo
from datetime import datetime, timedelta

import pytest

from consumer.events.zones import UnknownZoneError, load_zone, zone_names


def test_zones_come_from_the_package_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's data and the standard library's search path play no part."""
    monkeypatch.setattr(zoneinfo, "TZPATH", ())

    assert (
        timedelta(hours=5, minutes=30) == datetime(2026, 12, 1, tzinfo=load_zone("Asia/Kolkata")).utcoffset()
    )
    assert load_zone("Asia/Kolkata").key == "Asia/Kolkata"


def test_every_name_loads() -> None:
    """A setting that is accepted works."""
    assert len(zone_names()) > 400
    for name in zone_names():
        load_zone(name)


@pytest.mark.parametrize(
    "name", ["", "Asia", "asia/kolkata", "IST", "../zones", "/etc/passwd", "Asia/Kolkata\x00", "+05:30"]
)
def test_other_names_are_refused_in_a_sentence(name: str) -> None:
    """Names become paths: only known ones are let through."""
    with pytest.raises(UnknownZoneError, match="use an IANA name"):
        load_zone(name)

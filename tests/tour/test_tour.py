"""The incident, walked through as docs/tour.md tells it."""

from pathlib import Path

import pytest

from tests.tour.incident import BROKEN, EVENTS, OF_NEW_COURSE, WINDOW_SECONDS, incident
from tests.tour.script import LIVE, SENT_ANEW, STEPS, page, walk

# Of a loaded machine's own; what it takes to publish and to call.
SLACK_SECONDS = 1.0


@pytest.mark.kafka
@pytest.mark.timeout(240)
async def test_the_night_ends_with_nothing_open(tmp_path: Path) -> None:
    """Every screen fits 80 columns, every step comes to what it says, live events wait a window at most."""
    async with incident(tmp_path) as scene:
        async for step, command, shown in walk(scene):
            where = f"$ {command}\n{shown.text}"
            assert shown.exit_code == step.exit_code, where
            assert [] == shown.too_wide, where
            assert [] == [text for text in step.sees if text not in shown.text], where
        rows = await scene.rows("dlq list")
        states = sorted(row["state"] for row in rows)
        audit = scene.zoho.audit()

    discarded = BROKEN - 1 - SENT_ANEW
    expected = ["applied"] * (OF_NEW_COURSE + 1) + ["discarded"] * discarded + ["superseded"] * SENT_ANEW
    assert expected == states
    assert scene.published == EVENTS + SENT_ANEW + LIVE
    assert scene.longest_wait <= WINDOW_SECONDS + SLACK_SECONDS
    assert audit.most_in_window <= 30


def test_the_page_has_every_step() -> None:
    """Who changes the script runs `make tour` again."""
    text = page().read_text("utf-8")

    missing = [step.command for step in STEPS if step.command.split("{")[0] not in text]
    said = [step.says for step in STEPS if " ".join(step.says.split()) not in text]

    assert ([], []) == (missing, said)

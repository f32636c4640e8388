"""The planner, the oracle and the labels: pure, repeatable, and loud where the product has changed."""

import pytest

from tests.chaos.labels import LABELS, Point, check, find
from tests.chaos.oracle import deliver
from tests.chaos.plan import PlannedEvent, plan

SEEDS = range(200)


def test_a_seed_is_a_plan_for_ever() -> None:
    """The same seed, the same plan; another one, another plan."""
    assert [plan(seed) for seed in SEEDS] == [plan(seed) for seed in SEEDS]
    assert len({plan(seed) for seed in SEEDS}) == len(SEEDS)


def test_the_seeds_reach_every_disruption_every_label_and_every_fate() -> None:
    """Nothing that the planner knows is out of its reach."""
    plans = [plan(seed) for seed in SEEDS]

    assert {(ambush.label, ambush.deed) for each in plans for ambush in each.ambushes} == {
        (label, deed) for label in LABELS for deed in ("kill", "freeze")
    }
    assert len({disruption.kind for each in plans for disruption in each.disruptions}) == 12
    assert {event.kind for event in plans[0].events} == {"good", "off dates", "unknown session", "unreadable"}
    assert {each.replicas for each in plans} == {1, 2, 3}


def test_a_plan_stays_within_what_zoho_grants_in_tokens() -> None:
    """Each life and each death of the tokens costs a mint of every replica; Zoho grants 10."""
    for seed in SEEDS:
        each = plan(seed)
        kinds = [disruption.kind for disruption in each.disruptions]
        lives = each.replicas + len(each.ambushes) + kinds.count("kill") + kinds.count("stop")
        deaths = kinds.count("tokens die") + sum(d.fault is not None for d in each.disruptions)
        assert lives + deaths <= 10


def test_the_oracle_delivers_one_by_one() -> None:
    """The newest good event names the session; a description stays until another one is given."""

    def event(number: int, session: int, *, describes: bool = False, good: bool = True) -> PlannedEvent:
        return PlannedEvent(f"e{number}", session, "good" if good else "off dates", describes, 0.0)

    found = deliver(
        [event(0, 1, describes=True), event(1, 2), event(2, 1), event(3, 1, describes=True, good=False)]
    )

    assert {1: ("e2", "as of e0"), 2: ("e1", None)} == found.states
    assert (frozenset({"e0", "e1", "e2"}), frozenset({"e3"})) == (found.applied, found.dead)


def test_every_label_is_a_method_of_the_product() -> None:
    """A victim checks this at its start, so that no label dies silently."""
    check()


@pytest.mark.parametrize("attribute", ["Worker.gone", "Gone.run", "log.info"])
def test_a_label_without_its_method_is_an_error(attribute: str) -> None:
    """It says which label, and where to mend it."""
    with pytest.raises(LookupError, match=r"label 'x'.*mend tests/chaos/labels.py"):
        find("x", Point("before", "consumer.delivery.worker", attribute))

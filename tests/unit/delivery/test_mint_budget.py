"""At most 10 mints in 10 minutes, over restarts."""

from hypothesis import given
from hypothesis import strategies as st

from consumer.delivery.mint_budget import MAX_MINTS, MintBudget


def test_ten_mints_are_allowed_and_the_eleventh_waits_for_the_first_to_age() -> None:
    """The window rolls."""
    budget = MintBudget()
    for second in range(10):
        assert budget.wait_seconds(1_000.0 + second) == 0
        budget = budget.mint(1_000.0 + second)

    assert budget.wait_seconds(1_010.0) == 590.0
    assert budget.wait_seconds(1_600.0) == 0


def test_a_mint_that_never_left_is_given_back() -> None:
    """A refused connection costs nothing at Zoho."""
    budget = MintBudget((1_000.0,) * MAX_MINTS).give_back(1_000.0)

    assert budget.wait_seconds(1_000.0) == 0


def test_zohos_throttle_holds_though_mints_are_left() -> None:
    """Others may mint with the same refresh token."""
    assert MintBudget().blocked(1_600.0).wait_seconds(1_000.0) == 600.0


def test_without_a_state_every_mint_counts_as_just_made() -> None:
    """Whoever lost the state waits a whole window."""
    assert MintBudget((1_000.0,) * MAX_MINTS).wait_seconds(1_000.0) == 600.0


def test_a_clock_that_was_set_back_blocks_no_longer_than_a_window() -> None:
    """Mints that seem to lie ahead count as just made."""
    assert MintBudget((1_000.0,) * MAX_MINTS).wait_seconds(700.0) == 600.0


@given(steps=st.lists(st.floats(-100, 400), max_size=60))
def test_no_window_ever_holds_more_than_ten_mints(steps: list[float]) -> None:
    """Minting whenever it is allowed; the clock may even step back, which must not block for long."""
    now, budget, minted = 10_000.0, MintBudget(), []
    for step in steps:
        now += step
        wait_seconds = budget.wait_seconds(now)
        assert 0 <= wait_seconds <= 600
        if wait_seconds == 0:
            budget = budget.mint(now)
            minted.append(now)

    assert len(budget.minted_at) <= 10
    if all(step >= 0 for step in steps):
        assert all(later - first >= 600 for first, later in zip(minted, minted[10:], strict=False))

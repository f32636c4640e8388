"""The rows: what is gravest, and that no secret gets through."""

import pytest

from consumer.check.rows import Gravity, Group, Row, gravest, without

GROUP = Group("kafka")


def bad(gravity: Gravity) -> Row:
    """Something that is not well."""
    return GROUP.bad(gravity, "it", "broken", "Mend it.")


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ([], None),
        ([Gravity.FINDING, Gravity.UNREACHABLE], Gravity.UNREACHABLE),
        ([Gravity.REFUSED, Gravity.UNREACHABLE], Gravity.REFUSED),
        ([Gravity.SETTINGS, Gravity.REFUSED, Gravity.FINDING], Gravity.SETTINGS),
    ],
)
def test_the_gravest_decides(there: list[Gravity], expected: Gravity | None) -> None:
    """Settings, then what is refused, what can't be reached, what was found; ✓ and – count for nothing."""
    rows = [GROUP.ok("a", "fine"), GROUP.unchecked("b", "why"), *(bad(each) for each in there)]

    assert gravest(rows) is expected


def test_what_is_too_short_for_a_secret_hides_nothing() -> None:
    """A slip in the settings must not take its letter out of every word."""
    row = bad(Gravity.REFUSED)

    assert [row] == without([row], ["e", "bro", "1"])


def test_secrets_are_blotted_out_wherever_they_stand() -> None:
    """The longer one first, so that no rest of it stays; an empty one hides nothing."""
    row = Row("kafka", "s3cret:9092 login", bad(Gravity.REFUSED).mark, "said s3cret-long", "not s3cret")

    [shown] = without([row], ["s3cret", "s3cret-long", ""])

    assert (shown.subject, shown.found, shown.todo) == (
        "[secret]:9092 login",
        "said [secret]",
        "not [secret]",
    )

import pytest

from consumer.emulator.dialects import LockFacts
from consumer.emulator.faults import KINDS, MAX_FAULTS, Fault, add, fault_from_json, strike, strike_mint
from consumer.emulator.treatments import KINDS_TREATED, Surroundings, treat

AROUND = Surroundings(LockFacts("/api/x", 30, 60.0, 300.0, 0.0))


def test_every_kind_does_something() -> None:
    """Every kind that is explained has a treatment, and no other has."""
    assert frozenset(KINDS) == KINDS_TREATED


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_answered_instead_is_not_written(kind: str) -> None:
    """A fault that replaces the answer writes nothing, whatever its parameters."""
    treatment = treat(Fault(kind, status=200, code="7040", seconds=0.0), AROUND)

    assert treatment.answer is None or treatment.effect == "never"


def test_fault_for_some_calls_wears_off() -> None:
    """A fault for two calls strikes twice."""
    faults: tuple[Fault, ...] = (Fault("poison", calls=2),)
    struck = []
    for _ in range(3):
        faults, fault = strike(faults, "1")
        struck.append(fault is not None)

    assert struck == [True, True, False]
    assert faults == ()


def test_fault_of_a_session_leaves_others_alone_and_goes_first() -> None:
    """Its session's fault strikes a session before the one for all."""
    faults = (Fault("html"), Fault("poison", session_id="1"))

    assert [fault and fault.kind for fault in (strike(faults, "1")[1], strike(faults, "2")[1])] == [
        "poison",
        "html",
    ]


def test_refused_call_uses_up_no_fault_but_an_outage() -> None:
    """A call in a lock keeps the faults for the calls to come; an outage hides even the lock."""
    poison, outage = Fault("poison", calls=1), Fault("outage", calls=1)

    assert strike((poison,), "1", refused=True) == ((poison,), None)
    assert strike((poison, outage), "1", refused=True) == ((poison,), outage)


def test_the_narrowest_fault_strikes() -> None:
    """One for a session goes before one for its course, and that before one for all."""
    faults = (Fault("poison"), Fault("not_found", course_id="7"), Fault("forbidden", session_id="1"))

    struck = [strike(faults, session, course)[1] for session, course in (("1", "7"), ("2", "7"), ("2", "8"))]

    assert [fault and fault.kind for fault in struck] == ["forbidden", "not_found", "poison"]


def test_faults_of_tokens_and_of_calls_are_apart() -> None:
    """The token endpoint and the People host have faults of their own."""
    faults = (Fault("poison"), Fault("mint_empty"))

    assert strike_mint(faults) == (faults, Fault("mint_empty"))
    assert strike(faults[1:], "1") == (faults[1:], None)


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"kind": "nonsense"},
        {"kind": "status", "status": "503"},
        {"kind": "status", "status": 99},
        {"kind": "status", "calls": 0},
        {"kind": "status", "calls": True},
        {"kind": "slow", "seconds": -1},
        {"kind": "lock_answer", "dialect": "Z"},
        {"kind": "poison", "session": "1"},
    ],
)
def test_wrong_fault_is_refused(value: object) -> None:
    """A fault that is wrong anywhere is refused as a whole."""
    with pytest.raises(ValueError, match=r"fault|must be|wrong type"):
        fault_from_json(value)


def test_faults_are_bounded() -> None:
    """No more than the bound can be set."""
    faults: tuple[Fault, ...] = ()
    for _ in range(MAX_FAULTS):
        faults = add(faults, Fault("poison"))

    with pytest.raises(ValueError, match="already"):
        add(faults, Fault("poison"))

"""How long to wait before trying again: growing, bounded, in proportion to the lock period. Pure."""

from dataclasses import dataclass

LONGEST_PAUSE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Pauses:
    """Pauses that double from `first_seconds` to `longest_seconds`."""

    first_seconds: float
    longest_seconds: float

    def nth(self, n: int) -> float:
        """The pause before try number `n` (0: the first repeat), in seconds."""
        return min(self.longest_seconds, self.first_seconds * 2.0 ** min(n, 60))

    def jittered(self, n: int, chance: float) -> float:
        """The same with full jitter: `chance` in [0, 1) picks between nothing and the pause.

        Never less than a tenth of the first pause, so that a repeat is never a hammer.
        """
        return max(self.first_seconds / 10, self.nth(n) * chance)


def probe_pauses(lock_seconds: float) -> Pauses:
    """Between probes of an account that fails: 1 s growing to 5 minutes, at a lock period of 5 minutes."""
    return Pauses(lock_seconds / 300, min(LONGEST_PAUSE_SECONDS, lock_seconds))


def credential_pauses(lock_seconds: float) -> Pauses:
    """Between tries of a refused credential: 10 s growing to 5 minutes.

    Each try mints a token, and Zoho blocks a credential that mints more than 10 in 10 minutes.
    """
    return Pauses(lock_seconds / 30, min(LONGEST_PAUSE_SECONDS, lock_seconds))


def day_pauses(lock_seconds: float) -> Pauses:
    """Between probes of a used-up day's quota, whose reset hour is unknown: 1 to 15 minutes."""
    return Pauses(lock_seconds / 5, lock_seconds * 3)

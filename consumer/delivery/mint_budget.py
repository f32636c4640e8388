"""How many tokens may be minted: Zoho blocks a refresh token after 10 mints in 10 minutes. Pure."""

from dataclasses import dataclass, replace

MAX_MINTS = 10
WINDOW_SECONDS = 600.0
# Zoho's own throttle is never believed for longer.
MAX_BLOCK_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class MintBudget:
    """The mints of the last window, and until when Zoho's own throttle holds; times in epoch seconds.

    A value that travels in the quota's state: the limit is the refresh token's, not the process's.
    """

    minted_at: tuple[float, ...] = ()
    blocked_until: float = 0.0
    max_mints: int = MAX_MINTS
    window_seconds: float = WINDOW_SECONDS

    def wait_seconds(self, now: float) -> float:
        """How long until a mint is allowed; 0 where one is, never more than the longest block."""
        recent = sorted(self._recent(now))
        blocked_seconds = min(max(self.blocked_until - now, 0.0), MAX_BLOCK_SECONDS)
        if len(recent) < self.max_mints:
            return blocked_seconds
        free_at = recent[len(recent) - self.max_mints] + self.window_seconds
        return max(free_at - now, blocked_seconds)

    def mint(self, now: float) -> "MintBudget":
        """With one more mint, counted before it is asked for: whatever becomes of it, Zoho may count it."""
        return replace(self, minted_at=(*self._recent(now), now)[-self.max_mints :])

    def give_back(self, minted_at: float) -> "MintBudget":
        """Without that mint: it certainly never reached the wire."""
        left = list(self.minted_at)
        if minted_at in left:
            left.remove(minted_at)
        return replace(self, minted_at=tuple(left))

    def blocked(self, until: float) -> "MintBudget":
        """With Zoho's throttle holding until then."""
        return replace(self, blocked_until=max(self.blocked_until, until))

    def _recent(self, now: float) -> tuple[float, ...]:
        # A time ahead of the clock (it was set back, or is another machine's) counts as just now.
        return tuple(min(at, now) for at in self.minted_at if at > now - self.window_seconds)

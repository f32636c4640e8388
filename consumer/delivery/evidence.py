"""Whose failure is it? What other sessions' calls came to meanwhile. Pure."""

from dataclasses import dataclass, replace

from consumer.events.model import SessionKey

# The two newest calls of different sessions are enough to know the newest of any *other* session.
Newest = tuple[tuple[SessionKey, float], ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The newest call starts, of two sessions each, that were answered definitely and that were applied.

    A failed call counts against its event only if Zoho served another session meanwhile: else the
    account may be what fails.
    """

    definite: Newest = ()
    applied: Newest = ()

    def with_definite(self, session: SessionKey, started_at: float, *, applied: bool) -> "Evidence":
        """A call that started at `started_at` got a definite answer."""
        definite = _newer(self.definite, session, started_at)
        if not applied:
            return replace(self, definite=definite)
        return Evidence(definite, _newer(self.applied, session, started_at))

    def definite_since(self, since: float | None, but: SessionKey) -> bool:
        """Whether a call of another session than `but`, started after `since`, got a definite answer."""
        return _since(self.definite, since, but)

    def applied_since(self, since: float | None, but: SessionKey) -> bool:
        """Whether a call of another session than `but`, started after `since`, was applied."""
        return _since(self.applied, since, but)


def _newer(newest: Newest, session: SessionKey, started_at: float) -> Newest:
    starts = dict(newest)
    starts[session] = max(started_at, starts.get(session, started_at))
    return tuple(sorted(starts.items(), key=lambda entry: -entry[1])[:2])


def _since(newest: Newest, since: float | None, but: SessionKey) -> bool:
    return any(session != but and (since is None or at > since) for session, at in newest)

"""What the core asks of the world: implemented by `consumer.zoho` and `consumer.kafka`, and by fakes."""

from collections.abc import Callable, Mapping
from typing import Protocol

from consumer.delivery.verdicts import CallReport
from consumer.events.model import SessionKey


class ZohoPort(Protocol):
    """The one call of Zoho's API that we make."""

    async def update_session(
        self,
        session: SessionKey,
        session_data: Mapping[str, str],
        may_start: Callable[[], bool],
    ) -> CallReport:
        """Make one call, one attempt, within the call time-out.

        `may_start` is asked as late as can be, when the connection is up and before the first byte
        of the request; where it says no, the verdict is `Withheld`. Never raises for what the
        network or Zoho does. A token is minted first where none is at hand.
        """
        ...

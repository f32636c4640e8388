"""Everything that reads what others write."""

from tests.fuzz import decoder, topics, zoho
from tests.fuzz.report import Target

TARGETS: tuple[Target, ...] = (
    decoder.TARGET,
    zoho.VERDICT,
    zoho.TOKEN,
    topics.REPLAYS,
    topics.LETTERS,
    topics.OUTCOMES,
    topics.STATES,
    topics.MEMBERS,
    topics.SCOPES,
)

"""Whether to ask for a token: Zoho grants ten in ten minutes, and those of checks are on no record. Pure."""

from consumer.check.group_rows import Standing
from consumer.kafka.inspection import SeenGroup
from consumer.settings import TopicNames

ALL_THE_SAME = "`--mint` asks for one all the same."


def why_not_minted(
    names: TopicNames | None, group: SeenGroup | None, standing: Standing | None, *, usable: bool
) -> str:
    """Why `check` asks for no token of its own accord; empty where it may.

    `usable`: the settings are. `group` and `standing` are None where they could not be read.
    """
    if not usable or names is None:
        return "not minted: mend the settings first"
    if group is None or standing is None:
        return "not minted: the group's record of the tokens can't be read"
    owner = group.owner(names.source_topic)
    if owner is not None and not owner.ours:
        return f"not minted: {owner}, another program, has taken the account's place in the group"
    if owner is not None:
        return f"not minted: {owner} owns the account; its /status says how it stands"
    if not group.settled:
        return f"not minted: the group is rebalancing ({group.state}), so a replica may own the account"
    if standing.foreign:
        return "not minted: the position was set by hand, and the record of the tokens is gone with it"
    return ""

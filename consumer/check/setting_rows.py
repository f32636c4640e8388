"""The settings: every one with its source, and what is wrong with them. Pure."""

from collections.abc import Iterator

from consumer.check.rows import Gravity, Group, Row
from consumer.settings import Explanation

_GROUP = Group("settings")


def setting_rows(explanation: Explanation, account: str | None) -> Iterator[Row]:
    """Every setting, of all accounts or of one beside the process's own, and then the problems."""
    for each in explanation.explained:
        if account is not None and each.account not in ("", account):
            continue
        group = Group("settings", each.account)
        if each.value:
            yield group.ok(each.called, f"{each.value}  ({each.source})")
        elif each.source == "not set":
            yield group.ok(each.called, "not set")
        else:
            yield group.unchecked(each.called, f"can't be used  ({each.source})")
    for problem in explanation.problems:
        subject, _, sentence = problem.partition(" ")
        yield _GROUP.bad(Gravity.SETTINGS, subject, sentence, "Mend it; `run` does not start before.")
    for warning in explanation.warnings:
        subject, _, sentence = warning.partition(" ")
        yield _GROUP.unchecked(subject, sentence, "Correct the name, or take it out: it does nothing.")

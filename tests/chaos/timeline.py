"""A run as a person reads it: what was done to the system, who owned it, what was called. Pure."""

from collections import Counter

from tests.chaos import repeats
from tests.chaos.evidence import Evidence

_STEP_SECONDS = 0.5


def summary(run: Evidence) -> str:
    """One line of figures."""
    return (
        f"{run.plan.replicas} replicas, {len(run.troubles)} troubles, {len(run.group.tenures)} generations; "
        f"{len(run.records)} events, {len(run.calls)} calls, {len(run.letters)} dead letters, "
        f"{repeats.count(run)} of them again; lag {run.lag_seconds * 1000:.0f} ms"
    )


def timeline(run: Evidence) -> str:
    """Rows in the order of time, seconds of the run in front."""
    rows = [(trouble.begins_at, f"! {trouble.what}") for trouble in run.troubles]
    rows += [
        (trouble.ends_at, f"! {trouble.what}: over")
        for trouble in run.troubles
        if trouble.ends_at > trouble.begins_at
    ]
    for tenure in run.group.tenures:
        owner = tenure.owners.get(run.topic, "nobody")
        rows.append((tenure.begins_at, f"= generation {tenure.generation}: {owner} owns the account"))
    rows += _calls(run)
    return "\n".join(f"{at - run.started_at:7.2f}  {text}" for at, text in sorted(rows))


def _calls(run: Evidence) -> list[tuple[float, str]]:
    """The calls of half a second and one replica in one row, at the time of the first."""
    groups: dict[tuple[int, int], list[tuple[float, str]]] = {}
    for call in run.calls:
        step = int((call.at - run.started_at) // _STEP_SECONDS)
        groups.setdefault((step, call.replica), []).append((call.at, call.verdict))
    rows = []
    for (_, replica), calls in groups.items():
        counted = Counter(verdict for _, verdict in calls)
        verdicts = ", ".join(f"{number} {verdict}" for verdict, number in counted.most_common())
        rows.append((calls[0][0], f"  replica {replica} calls: {verdicts}"))
    return rows

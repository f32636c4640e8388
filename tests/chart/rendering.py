"""The chart, rendered by the real Helm."""

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from helm.generate import CHART
from helm.toolbox import CHART_TOOLS
from tests.kafka_broker.traffic import Topics

EXAMPLES = sorted((CHART / "examples").glob("*.yaml"))
LEAST = CHART / "tests" / "values" / "least.yaml"
# From the oldest that Chart.yaml allows to the newest whose schemas are pinned.
KUBERNETES = ("1.27", "1.31", "1.34", "1.37")
NEWEST = KUBERNETES[-1]

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rendered:
    """What Helm wrote."""

    text: str

    @property
    def manifests(self) -> list[Manifest]:
        """The objects in it."""
        return [each for each in yaml.safe_load_all(self.text) if each]

    def one(self, kind: str, name_ends: str = "") -> Manifest:
        """The only object of that kind whose name ends so."""
        [found] = [
            each
            for each in self.manifests
            if each["kind"] == kind and str(each["metadata"].get("name", "")).endswith(name_ends)
        ]
        return found


def render(
    *values: Path,
    chart: Path = CHART,
    kubernetes: str = NEWEST,
    sets: Iterable[str] = (),
    arguments: Iterable[str] = (),
) -> Rendered:
    """`helm template` with these values files and `--set`s. AssertionError with what Helm said."""
    done = run(
        "template", "rel", str(chart), "--namespace", "training", "--kube-version", kubernetes,
        *(word for file in values for word in ("--values", str(file))),
        *(word for each in sets for word in ("--set", each)),
        *arguments,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return Rendered(done.stdout)


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Helm itself."""
    return subprocess.run(
        [CHART_TOOLS.tool("helm"), *words], capture_output=True, text=True, timeout=60, check=False
    )


def acls_of(user: str, topics: Topics) -> list[Manifest]:
    """The rights that the chart gives Strimzi's `consumer` or `replayer` on these topics and this group."""
    names = {
        "kafka_group_id": topics.group,
        "source_topic": topics.source,
        "dead_letter_topic": topics.dead_letters,
        "replay_topic": topics.replay,
        "outcomes_topic": topics.outcomes,
    }
    rendered = render(
        CHART / "tests" / "values" / "strimzi.yaml",
        sets=[f"config.{name}={text}" for name, text in names.items()],
    )
    found = rendered.one("KafkaUser", "-session-consumer" if user == "consumer" else f"-{user}")
    acls: list[Manifest] = found["spec"]["authorization"]["acls"]
    return acls

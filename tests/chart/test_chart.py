"""The chart by the real tools: Helm's linter, helm-unittest, and kubeconform against pinned schemas."""

import shutil
import subprocess
from pathlib import Path

import click
import pytest
import yaml

from consumer.cli.dlq.replay import replay
from helm.generate import CHART
from helm.toolbox import CHART_TOOLS
from tests.chart.rendering import EXAMPLES, KUBERNETES, LEAST, NEWEST, Rendered, render, run
from tests.chart.schemas import write_schemas

pytestmark = pytest.mark.usefixtures("chart_tools")

REPLAY = (
    "replay.enabled=true",
    "replay.args={--class,session_not_found,--canary,5,--yes,--account,academy,--reason,made in Zoho}",
)
examples = pytest.mark.parametrize("values", [LEAST, *EXAMPLES], ids=lambda path: path.stem)


@examples
def test_the_linter_has_nothing_to_say(values: Path) -> None:
    """`helm lint --strict`."""
    done = run("lint", "--strict", str(CHART), "--kube-version", NEWEST, "--values", str(values))

    assert done.returncode == 0, done.stdout + done.stderr


def test_templates_keep_their_promises() -> None:
    """helm-unittest: each promise a sentence in the chart's tests/, and a snapshot of the least values."""
    done = subprocess.run(
        [CHART_TOOLS.tool("helm-unittest"), "--strict", str(CHART)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


@examples
@pytest.mark.parametrize("kubernetes", KUBERNETES)
def test_every_object_is_what_kubernetes_takes(values: Path, kubernetes: str, tmp_path: Path) -> None:
    """kubeconform: no unknown field, no wrong type, custom resources included; the Jobs as well."""
    without_hook = values.stem.startswith(("three", "strimzi"))
    sets = REPLAY if without_hook else (*REPLAY, "topics.enabled=true")

    said = judged(render(values, kubernetes=kubernetes, sets=sets), kubernetes, tmp_path)

    assert said == ""


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("Deployment", "replicas: 2\n  replica: 2"),
        ("PodDisruptionBudget", "maxUnavailable: 1\n  maxAvailable: 1"),
        ("KafkaTopic", "partitions: 6\n  partition: 6"),
        ("PodMonitor", "podMetricsEndpoints:\n    - prot: http"),
    ],
)
def test_a_wrong_object_is_found(kind: str, wrong: str, tmp_path: Path) -> None:
    """The check above is one: a mistyped field does not pass, in a custom resource neither."""
    rendered = render(CHART / "examples" / "strimzi-locked-down.yaml")
    right = wrong.partition("\n")[0]
    assert right in rendered.text

    said = judged(Rendered(rendered.text.replace(right, wrong, 1)), NEWEST, tmp_path)

    assert kind in said


def test_three_accounts_are_ready_for_their_number() -> None:
    """The example renders one Secret's place for each account, and no autoscaler."""
    rendered = render(CHART / "examples" / "three-accounts.yaml")

    kinds = [each["kind"] for each in rendered.manifests]
    assert kinds.count("ExternalSecret") == 3
    assert "HorizontalPodAutoscaler" not in kinds


def test_changed_accounts_restart_the_pods() -> None:
    """The accounts file is read at the start; a changed secret is no reason."""
    values = CHART / "tests" / "values" / "two-accounts.yaml"
    before = render(values).one("Deployment")
    after = render(values, sets=["accounts.academy.config.quota_requests=20"]).one("Deployment")

    assert before["spec"]["template"] != after["spec"]["template"]


def test_rules_and_dashboards_are_taken_as_they_are(tmp_path: Path) -> None:
    """Whatever lies in files/: Prometheus's own templates in an alert are not Helm's."""
    chart = tmp_path / "chart"
    shutil.copytree(CHART, chart, ignore=shutil.ignore_patterns("files"))
    (chart / "files" / "rules").mkdir(parents=True)
    (chart / "files" / "dashboards").mkdir()
    summary = "{{ $labels.account }} waits"
    (chart / "files" / "rules" / "one.yaml").write_text(
        "groups:\n  - name: one\n    rules:\n"
        f'      - {{alert: Waits, expr: up == 0, annotations: {{summary: "{summary}"}}}}\n'
    )
    (chart / "files" / "dashboards" / "one.json").write_text('{"title": "{{ account }}"}')

    said = ("enabled=true", "runbookBaseUrl=https://docs.example.com/")
    sets = [f"{part}.{each}" for part in ("prometheusRule", "dashboard") for each in said]
    rendered = render(LEAST, chart=chart, sets=sets)

    [group] = rendered.one("PrometheusRule")["spec"]["groups"]
    assert group["rules"][0]["annotations"]["summary"] == summary
    assert rendered.one("ConfigMap", "-dashboard")["data"] == {"one.json": '{"title": "{{ account }}"}'}
    assert judged(rendered, NEWEST, tmp_path) == ""


@pytest.mark.parametrize(
    "option", [each for each in replay.params if isinstance(each, click.Option)], ids=str
)
def test_the_replay_jobs_words_are_read_as_the_command_reads_them(option: click.Option) -> None:
    """A flag may stand before --yes; any other option would take it as its value, and is refused."""
    for name in (*option.opts, *option.secondary_opts):
        args = f"replay.args={{--state,open,--reason,why,{name},--yes}}"
        words = ("--values", str(LEAST), "--set", f"replay.enabled=true,{args}")
        done = run("template", "rel", str(CHART), "--kube-version", NEWEST, *words)

        said = "" if option.is_flag else f"replay.args has --yes after {name}"
        assert (option.is_flag, True) == (done.returncode == 0, said in done.stderr)


@pytest.mark.parametrize(("enabled", "deployments"), [(True, 1), (False, 0)])
def test_a_parent_chart_may_switch_it_off(enabled: bool, deployments: int, tmp_path: Path) -> None:
    """By the usual `condition`, which hands `enabled` down with the values."""
    parent = tmp_path / "parent"
    shutil.copytree(CHART, parent / "charts" / CHART.name)
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["version"]
    needed = {"name": CHART.name, "version": version, "condition": f"{CHART.name}.enabled"}
    chart = {"apiVersion": "v2", "name": "parent", "version": "1.0.0", "dependencies": [needed]}
    (parent / "Chart.yaml").write_text(yaml.safe_dump(chart))
    values = yaml.safe_load(LEAST.read_text()) | {"enabled": enabled}
    (parent / "values.yaml").write_text(yaml.safe_dump({CHART.name: values}))

    kinds = [each["kind"] for each in render(chart=parent).manifests]

    assert deployments == kinds.count("Deployment")


def test_a_chart_without_rules_says_so(tmp_path: Path) -> None:
    """Rather than an empty PrometheusRule, or an empty dashboard."""
    chart = tmp_path / "chart"
    shutil.copytree(CHART, chart, ignore=shutil.ignore_patterns("files"))

    for part in ("prometheusRule", "dashboard"):
        with pytest.raises(AssertionError, match=f"{part}.enabled is true, but this chart has no file"):
            render(LEAST, chart=chart, sets=[f"{part}.enabled=true"])


def judged(rendered: Rendered, kubernetes: str, directory: Path) -> str:
    """What kubeconform finds wrong; empty where nothing is."""
    schemas = directory / kubernetes
    schemas.mkdir()
    location = write_schemas(schemas, kubernetes)
    done = subprocess.run(
        [CHART_TOOLS.tool("kubeconform"), "-strict", "-summary", "-schema-location", location],
        input=rendered.text, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    counted = f"{len(rendered.manifests)} resources" in done.stdout and "Skipped: 0" in done.stdout
    return "" if done.returncode == 0 and counted else done.stdout + done.stderr

"""The chart on a real Kubernetes API server: what it takes, refuses, and keeps."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest
import yaml

from helm.generate import CHART
from helm.toolbox import ToolsUnavailableError
from tests.chart.api_server import ApiServer, api_server
from tests.chart.rendering import EXAMPLES, LEAST, Manifest, render
from tests.chart.schemas import CRDS
from tests.chart.test_chart import REPLAY
from tests.chart.untested import UNTESTED_API_SERVER

# The first run builds the server.
pytestmark = [pytest.mark.usefixtures("chart_tools"), pytest.mark.slow, pytest.mark.timeout(1800)]

examples = pytest.mark.parametrize("values", [LEAST, *EXAMPLES], ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """One for all tests of this file, with the custom resources' definitions."""
    with ExitStack() as stack:
        try:
            running = stack.enter_context(api_server(tmp_path_factory.mktemp("api-server")))
        except ToolsUnavailableError as problem:
            request.config.stash[UNTESTED_API_SERVER].skip(str(problem))
        running.kubectl("apply", "--server-side", *(f"-f{path}" for path in sorted(CRDS.glob("*.yaml"))))
        running.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        # The locked-down example's: a Pod is refused where its class is unknown.
        running.kubectl("create", "priorityclass", "business-critical", "--value=1000")
        yield running


@pytest.fixture
def namespace(server: ApiServer) -> str:
    """One of the test's own, in which only pods of the restricted standard may be."""
    name = f"test-{uuid4().hex[:8]}"
    server.kubectl("create", "namespace", name)
    server.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    server.kubectl("create", "serviceaccount", "-n", name, "default")
    return name


@examples
def test_every_object_is_taken(server: ApiServer, namespace: str, values: Path) -> None:
    """Validated by the server as strictly as it can, the replay's Job among them."""
    rendered = render(values, sets=REPLAY)

    said = server.kubectl(
        "create", "-n", namespace, "--dry-run=server", "--validate=strict", "-f", "-", text=rendered.text
    )

    assert said.count("created (server dry run)") == len(rendered.manifests)


@examples
def test_every_pod_is_let_in_where_only_restricted_ones_are(
    server: ApiServer, namespace: str, values: Path
) -> None:
    """By the server's own admission: the consumer's, the replay's and the hook's."""
    hook = () if "strimzi" in values.stem or "three" in values.stem else ("topics.enabled=true",)
    for owner in render(values, sets=[*REPLAY, *hook, "priorityClassName="]).manifests:
        if owner["kind"] in {"Deployment", "Job"}:
            said = server.kubectl("create", "-n", namespace, "--dry-run=server", "-f", "-", text=_pod(owner))
            assert "created (server dry run)" in said


def test_an_unrestricted_pod_is_kept_out(server: ApiServer, namespace: str) -> None:
    """The check above is one."""
    deployment = render(LEAST, sets=["podSecurityContext.runAsNonRoot=false"]).one("Deployment")

    with pytest.raises(AssertionError, match="violates PodSecurity"):
        server.kubectl("create", "-n", namespace, "--dry-run=server", "-f", "-", text=_pod(deployment))


def test_a_release_comes_changes_and_goes_and_leaves_its_topics(server: ApiServer, namespace: str) -> None:
    """A real install, upgrade and uninstall by Helm."""
    values = ("--values", str(CHART / "examples" / "strimzi-locked-down.yaml"), "-n", namespace)

    server.helm("install", "sessions", str(CHART), *values)
    assert "2" == _replicas(server, namespace)
    server.helm("upgrade", "sessions", str(CHART), *values, "--set", "replicaCount=3")
    assert "3" == _replicas(server, namespace)
    server.helm("uninstall", "sessions", "-n", namespace)
    left = server.kubectl("get", "-n", namespace, "-o", "name", "deployments,kafkausers,kafkatopics").split()

    topic = "kafkatopic.kafka.strimzi.io/training.session.changed"
    assert [f"{topic}.dlq", f"{topic}.outcomes", f"{topic}.replay"] == left


def _replicas(server: ApiServer, namespace: str) -> str:
    path = "jsonpath={.items[0].spec.replicas}"
    return server.kubectl("get", "deployments", "-n", namespace, "-o", path)


def _pod(owner: Manifest) -> str:
    template = owner["spec"]["template"]
    metadata = template["metadata"] | {"generateName": "pod-"}
    return yaml.safe_dump({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]})

"""A real Kubernetes API server on an etcd, both on the loopback. No controllers, so nothing runs."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from helm.toolbox import CHART_TOOLS, Toolbox, ToolsUnavailableError

_VERSION = "k8s.io/component-base/version"
API_SERVER = Toolbox(
    "kube-apiserver",
    Path(__file__).parent / "apiserver",
    {"kube-apiserver": "."},
    # Kubernetes's own build sets them; clients ask which version they speak to.
    {f"{_VERSION}.gitVersion": "v1.37.2", f"{_VERSION}.gitMajor": "1", f"{_VERSION}.gitMinor": "37"},
)
_READY_SECONDS = 60
_TOKEN = "of-this-test-only"


@dataclass(frozen=True, slots=True)
class ApiServer:
    """A running one, as kubectl and helm reach it."""

    kubeconfig: Path

    def kubectl(self, *words: str, text: str = "") -> str:
        """Its output. AssertionError with what it said where it fails."""
        return self._run(["kubectl", "--kubeconfig", str(self.kubeconfig), *words], text)

    def helm(self, *words: str) -> str:
        """Its output. AssertionError with what it said where it fails."""
        return self._run([str(CHART_TOOLS.tool("helm")), "--kubeconfig", str(self.kubeconfig), *words], "")

    def _run(self, command: list[str], text: str) -> str:
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout


@contextmanager
def api_server(directory: Path) -> Iterator[ApiServer]:
    """Started, and stopped. ToolsUnavailableError where it can't be had."""
    for name, package in (("etcd", "etcd-server"), ("kubectl", "kubectl"), ("openssl", "openssl")):
        if shutil.which(name) is None:
            raise ToolsUnavailableError(f"there is no {name} on the PATH (Debian: {package})")
    API_SERVER.build()
    etcd_url, peer_url = (f"http://127.0.0.1:{_free_port()}" for _ in range(2))
    port = _free_port()
    key = directory / "accounts.key"
    subprocess.run(
        ["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True, timeout=60
    )
    (directory / "tokens.csv").write_text(f"{_TOKEN},test,test,system:masters\n")
    etcd = [
        *("etcd", "--data-dir", str(directory / "etcd"), "--unsafe-no-fsync"),
        *("--listen-client-urls", etcd_url, "--advertise-client-urls", etcd_url),
        *("--listen-peer-urls", peer_url, "--initial-advertise-peer-urls", peer_url),
        *("--initial-cluster", f"default={peer_url}"),
    ]
    server = [
        *(str(API_SERVER.tool("kube-apiserver")), "--etcd-servers", etcd_url),
        *("--bind-address", "127.0.0.1", "--secure-port", str(port), "--cert-dir", str(directory / "certs")),
        *("--token-auth-file", str(directory / "tokens.csv"), "--authorization-mode", "RBAC"),
        *("--service-account-issuer", "https://127.0.0.1", "--service-account-key-file", str(key)),
        *("--service-account-signing-key-file", str(key), "--service-cluster-ip-range", "10.0.0.0/24"),
        *("--disable-admission-plugins", "ServiceAccount", "--endpoint-reconciler-type", "none"),
    ]
    with ExitStack() as stack:
        stack.enter_context(_process(etcd, directory / "etcd.log"))
        process = stack.enter_context(_process(server, directory / "server.log"))
        running = ApiServer(_kubeconfig(directory, port))
        _wait_until_ready(running, process, directory / "server.log")
        yield running


@contextmanager
def _process(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=log.parent)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(20)


def _wait_until_ready(server: ApiServer, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(AssertionError):
            server.kubectl("get", "--raw", "/readyz")
            return
        time.sleep(0.3)
    raise AssertionError(f"the API server is not ready: {log.read_text()[-2000:]}")


def _kubeconfig(directory: Path, port: int) -> Path:
    path = directory / "kubeconfig"
    path.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: test\n"
        "contexts: [{name: test, context: {cluster: test, user: test}}]\n"
        "clusters:\n  - name: test\n    cluster:\n"
        f"      {{server: 'https://127.0.0.1:{port}', insecure-skip-tls-verify: true}}\n"
        f"users: [{{name: test, user: {{token: {_TOKEN}}}}}]\n"
    )
    path.chmod(0o600)
    return path


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port

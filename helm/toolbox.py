"""Real tools, built once from pinned Go modules: `python -m helm.toolbox` builds all of them.

Kept in $CONSUMER_TEST_CACHE or ~/.cache/session-consumer, in a directory named after what they are made
of (the module's go.mod, go.sum and own sources): built anew only where that has changed.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_BUILD_SECONDS = 1800


class ToolsUnavailableError(Exception):
    """The tools are not there and can't be built: why, in half a sentence."""


@dataclass(frozen=True, slots=True)
class Toolbox:
    """Executables of one Go module: `packages` by the executable's name, `variables` set by the linker,
    `tags` that choose what is built, `sources` of the module's own."""

    name: str
    module: Path
    packages: Mapping[str, str]
    variables: Mapping[str, str] = field(default_factory=dict)
    tags: str = ""
    sources: tuple[str, ...] = ()

    @property
    def directory(self) -> Path:
        """Where this version of them is kept."""
        root = os.environ.get("CONSUMER_TEST_CACHE") or "~/.cache/session-consumer"
        pinned = b"".join((self.module / name).read_bytes() for name in ("go.mod", "go.sum", *self.sources))
        pinned += self._linker_flags.encode()
        return Path(root).expanduser() / f"{self.name}-{hashlib.sha256(pinned).hexdigest()[:12]}"

    @property
    def _linker_flags(self) -> str:
        return " ".join(f"-X={name}={value}" for name, value in self.variables.items())

    def tool(self, name: str) -> Path:
        """The executable; ToolsUnavailableError where it was not built."""
        path = self.directory / name
        if not path.is_file():
            raise ToolsUnavailableError(f"{name} was not built (`make tools`)")
        return path

    def build(self) -> None:
        """Build what is missing, one build at a time; the directory appears at once and whole.

        Raises ToolsUnavailableError where there is no Go, or the build fails.
        """
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        with (self.directory.parent / f"{self.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # goes with the process, whatever becomes of it
            if not self.directory.is_dir():
                self._build()

    def _build(self) -> None:
        go = shutil.which("go")
        if go is None:
            raise ToolsUnavailableError("there is no Go on the PATH to build them with")
        sys.stderr.write(f"Building {', '.join(self.packages)}, once: this takes minutes.\n")
        parent = self.directory.parent
        with tempfile.TemporaryDirectory(dir=parent, ignore_cleanup_errors=True) as fresh:
            made = Path(fresh, "tools")
            made.mkdir()
            command = [
                *(go, "build", "-mod=readonly", "-trimpath", f"-ldflags={self._linker_flags}"),
                f"-tags={self.tags}",
                *("-o", f"{made}/", *self.packages.values()),
            ]
            try:
                done = subprocess.run(
                    command,
                    cwd=self.module,
                    capture_output=True,
                    text=True,
                    timeout=_BUILD_SECONDS,
                    check=False,
                )
            except subprocess.TimeoutExpired as error:
                raise ToolsUnavailableError(f"Go had not finished after {_BUILD_SECONDS} s") from error
            if done.returncode:
                raise ToolsUnavailableError(f"Go could not build them: {done.stderr.strip()[-600:]}")
            made.rename(self.directory)


CHART_TOOLS = Toolbox(
    "chart-tools",
    Path(__file__).parent / "tools",
    {
        "helm": "helm.sh/helm/v3/cmd/helm",
        "helm-unittest": "github.com/helm-unittest/helm-unittest/cmd/helm-unittest",
        "kubeconform": "github.com/yannh/kubeconform/cmd/kubeconform",
    },
)
# Of the ways to find targets only the plain ones (static, files): the clouds' are most of a build.
PROMETHEUS_TOOLS = Toolbox(
    "prometheus-tools",
    Path(__file__).parent / "prometheus-tools",
    {name: f"github.com/prometheus/prometheus/cmd/{name}" for name in ("prometheus", "promtool")},
    tags="remove_all_sd",
)
SAMPLE_TOOLS = Toolbox(
    "sample",
    Path(__file__).parent.parent / "docs" / "samples" / "go",
    {"publish": "."},
    sources=("main.go",),
)


if __name__ == "__main__":
    for toolbox in (CHART_TOOLS, PROMETHEUS_TOOLS, SAMPLE_TOOLS):
        try:
            toolbox.build()
        except ToolsUnavailableError as problem:
            # Not the end of a test run: it says itself what it could not test.
            sys.stderr.write(f"{', '.join(toolbox.packages)} are missing: {problem}.\n")

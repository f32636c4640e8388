"""The chart's real tools, built once from their Go modules: `python -m helm.toolbox`.

Pinned in helm/tools/go.mod and go.sum. Kept in $CONSUMER_TEST_CACHE or ~/.cache/session-consumer, in a
directory named after those two files' contents: built anew only where they have changed.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

MODULE = Path(__file__).parent / "tools"
TOOLS = {
    "helm": "helm.sh/helm/v3/cmd/helm",
    "helm-unittest": "github.com/helm-unittest/helm-unittest/cmd/helm-unittest",
    "kubeconform": "github.com/yannh/kubeconform/cmd/kubeconform",
}
_BUILD_SECONDS = 1800


class ToolsUnavailableError(Exception):
    """The tools are not there and can't be built: why, in half a sentence."""


def directory() -> Path:
    """Where this version of the tools is kept."""
    root = os.environ.get("CONSUMER_TEST_CACHE") or "~/.cache/session-consumer"
    pinned = b"".join((MODULE / name).read_bytes() for name in ("go.mod", "go.sum"))
    return Path(root).expanduser() / f"chart-tools-{hashlib.sha256(pinned).hexdigest()[:12]}"


def tool(name: str) -> Path:
    """The executable; ToolsUnavailableError where it was not built."""
    path = directory() / name
    if not path.is_file():
        raise ToolsUnavailableError(f"{name} was not built (`make tools`)")
    return path


def build() -> Path:
    """Build what is missing, one build at a time; the directory appears at once and whole.

    Raises ToolsUnavailableError where there is no Go, or the build fails.
    """
    wanted = directory()
    wanted.parent.mkdir(parents=True, exist_ok=True)
    with (wanted.parent / "chart-tools.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # goes with the process, whatever becomes of it
        if not wanted.is_dir():
            _build_into(wanted)
    return wanted


def _build_into(wanted: Path) -> None:
    go = shutil.which("go")
    if go is None:
        raise ToolsUnavailableError("there is no Go on the PATH to build them with")
    sys.stderr.write("Building helm, helm-unittest and kubeconform, once: some four minutes on two cores.\n")
    with tempfile.TemporaryDirectory(dir=wanted.parent, ignore_cleanup_errors=True) as fresh:
        made = Path(fresh, "tools")
        made.mkdir()
        command = [go, "build", "-mod=readonly", "-trimpath", "-o", f"{made}{os.sep}", *TOOLS.values()]
        try:
            done = subprocess.run(
                command, cwd=MODULE, capture_output=True, text=True, timeout=_BUILD_SECONDS, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise ToolsUnavailableError(f"Go had not finished after {_BUILD_SECONDS} s") from error
        if done.returncode:
            raise ToolsUnavailableError(f"Go could not build them: {done.stderr.strip()[-600:]}")
        made.rename(wanted)


if __name__ == "__main__":
    try:
        build()
    except ToolsUnavailableError as problem:
        # Not the end of a test run: it says itself what it could not test.
        sys.stderr.write(f"The chart's tools are missing: {problem}.\n")

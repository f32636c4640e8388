"""The image, really built without a container engine: buildah on a base that debootstrap makes."""

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tests.kafka_broker.fetch import cache_directory

ROOT = Path(__file__).parents[2]
BASE = "localhost/python-base:3.11"
_PROGRAMS = ("buildah", "debootstrap", "unshare", "setpriv")
_CERTIFICATES = "/etc/ssl/certs"  # of this machine: a builder's pip must trust what this one's does
_BUILD_SECONDS = 900


class ImageUnbuildableError(Exception):
    """This machine can't build it; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Built:
    """An image: its `config` as an engine reads it, its layers' sizes in bytes, its unpacked `files`."""

    config: dict[str, Any]
    layers: list[int]
    files: Path


def require_tools() -> None:
    """Raise ImageUnbuildableError unless the programs and the rights are there."""
    if missing := [name for name in _PROGRAMS if shutil.which(name) is None]:
        raise ImageUnbuildableError(f"{', '.join(missing)} not found")
    if os.geteuid() != 0:
        raise ImageUnbuildableError("only root can make a root file system")


@contextmanager
def built(directory: Path, **arguments: str) -> Iterator[Built]:
    """The repository's Dockerfile, built with these arguments in a store below `directory`; gone afterwards.

    The base stays. Raises ImageUnbuildableError.
    """
    require_tools()
    store, image = _Store(directory), f"localhost/session-consumer:{os.getpid()}"
    given = {"BASE_IMAGE": BASE, **arguments}
    build_arguments = (part for name, value in given.items() for part in ("--build-arg", f"{name}={value}"))
    volume = f"{_CERTIFICATES}:{_CERTIFICATES}:ro"
    with store.lock():
        if not store.has(BASE):
            store.make_base()
        store.buildah(
            "bud", "--format", "docker", "--pull-never", "--tag", image, "--volume", volume,
            *build_arguments, str(ROOT),
        )  # fmt: skip
        about = json.loads(store.buildah("inspect", "--type", "image", image))
        container = store.buildah("from", "--pull-never", image).strip()
        files = Path(store.buildah("mount", container).strip())
    layers = [layer["size"] for layer in json.loads(about["Manifest"])["layers"]]
    yield Built(about["Docker"]["config"], layers, files)
    with store.lock():
        store.buildah("rm", container)
        store.buildah("rmi", image)


class _Store:
    """Images in a directory of their own, so that nothing else on this machine changes."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        # Nothing is pulled: what is made here needs no signature.
        self._policy = directory / "policy.json"
        self._policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')

    def lock(self) -> IO[str]:
        """Held by whoever changes the store; closing it lets go."""
        file = (self._directory / "lock").open("w")
        fcntl.flock(file, fcntl.LOCK_EX)
        return file

    def has(self, image: str) -> bool:
        return image in self.buildah("images", "--format", "{{.Name}}:{{.Tag}}").splitlines()

    def buildah(self, *arguments: str) -> str:
        """What it prints. AssertionError with the end of its words where it fails."""
        policy = ("--signature-policy", str(self._policy)) if arguments[0] in {"bud", "from"} else ()
        isolation = ("--isolation", "chroot") if arguments[0] == "bud" else ()
        stores = ("--root", str(self._directory / "store"), "--runroot", str(self._directory / "run"))
        return _run(
            "buildah", "--storage-driver", "vfs", *stores, arguments[0], *policy, *isolation, *arguments[1:]
        )

    def make_base(self) -> None:
        """Debian's Python in a file system like the official image's: no bytecode of the standard library."""
        base = self._directory / "base"
        shutil.rmtree(base, ignore_errors=True)
        _run(
            "debootstrap",
            "--variant=minbase",
            "--include=python3,python3-pip,ca-certificates",
            "bookworm",
            str(base),
        )
        for cache in base.rglob("__pycache__"):
            shutil.rmtree(cache)
        (base / "usr/local/bin/python").symlink_to("/usr/bin/python3")
        recipe = self._directory / "base.dockerfile"
        recipe.write_text("FROM scratch\nCOPY base /\n")
        self.buildah("bud", "--tag", BASE, "--file", str(recipe), str(self._directory))


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=_BUILD_SECONDS, check=False)
    assert done.returncode == 0, f"{' '.join(command[:8])}…\n{done.stdout[-1500:]}{done.stderr[-1500:]}"
    return done.stdout


def store_directory() -> Path:
    """Where the base is kept from run to run."""
    return cache_directory().parent / "image"

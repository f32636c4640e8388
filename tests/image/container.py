"""A process of the image as its first process: what an engine does that matters here, by util-linux alone."""

import signal
import subprocess
from collections.abc import Mapping, Sequence
from os import kill
from pathlib import Path

from tests.image.tools import Built
from tests.process import ConsumerProcess

_RUN_SECONDS = 60

# A read-only root, /tmp in memory, own processes, no capability, no way to any; then `exec` to the end, so
# that what runs is process 1. The network is this machine's: broker and emulator are on its loopback.
_CONTAIN = """
mount --bind "$1" "$2"; mount -o remount,ro,bind "$2"
mount -t tmpfs -o mode=1777 tmpfs "$2/tmp"; mount -t proc proc "$2/proc"; mount --bind /dev "$2/dev"
user=$3; group=$4; place=$2; shift 4
exec chroot "$place" setpriv --reuid "$user" --regid "$group" --clear-groups --no-new-privs \
    --bounding-set=-all --inh-caps=-all env --chdir=/tmp -i "$@"
"""


def command_in(
    image: Built,
    place: Path,
    arguments: Sequence[str] | None = None,
    *,
    env: Mapping[str, str] | None = None,
    user: str | None = None,
    entrypoint: Sequence[str] | None = None,
) -> list[str]:
    """The command line that runs the image in the empty directory `place`.

    `arguments` replace its CMD, `entrypoint` its ENTRYPOINT, `user` (`uid:gid`) its USER.
    """
    place.mkdir(exist_ok=True)
    config = image.config
    uid, _, gid = (user or config["User"]).partition(":")
    variables = [*config["Env"], *(f"{name}={value}" for name, value in (env or {}).items())]
    program = [*(config["Entrypoint"] if entrypoint is None else entrypoint)]
    program += config["Cmd"] if arguments is None else arguments
    isolated = ["unshare", "--mount", "--ipc", "--uts", "--pid", "--fork", "--kill-child"]
    return [
        *isolated,
        "sh",
        "-ec",
        _CONTAIN,
        "sh",
        str(image.files),
        str(place),
        uid,
        gid,
        *variables,
        *program,
    ]


def run_in(
    image: Built,
    place: Path,
    *arguments: str,
    user: str | None = None,
    entrypoint: Sequence[str] | None = None,
) -> "subprocess.CompletedProcess[str]":
    """It, run to its end."""
    command = command_in(image, place, arguments, user=user, entrypoint=entrypoint)
    return subprocess.run(command, capture_output=True, text=True, timeout=_RUN_SECONDS, check=False)


def first_process(of: int) -> int:
    """The pid, seen from outside, of what `unshare` (this pid) runs; LookupError where there is none yet."""
    children = Path(f"/proc/{of}/task/{of}/children").read_text().split()
    if not children:
        raise LookupError(of)
    return int(children[0])


class Container(ConsumerProcess):
    """`run` in the image; signals go to its first process, as an engine's do."""

    def __init__(self, image: Built, place: Path, env: Mapping[str, str], log: Path) -> None:
        super().__init__(env, log, command_in(image, place, env=env))

    def signal(self, number: signal.Signals) -> None:
        """To process 1 of the container."""
        kill(first_process(self.pid), number)

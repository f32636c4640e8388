"""`make fuzz`: N inputs for each target from a seed, and a report. Exit code 1 where something is found."""

import argparse
import sys
import time

from tests.fuzz.report import lines, run
from tests.fuzz.targets import TARGETS


def main() -> int:
    """Run them all, or the one that is named."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", choices=[each.name for each in TARGETS])
    given = parser.parse_args()
    well = True
    for target in TARGETS:
        if given.target in (None, target.name):
            began = time.monotonic()
            found = run(target, given.inputs, given.seed)
            well = well and not found.broken and target.kinds == found.kinds.keys()
            print("\n".join(lines(target, found)))
            print(f"    seed {given.seed}, {time.monotonic() - began:.0f} s", flush=True)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())

"""`python -m benchmarks [NAME…]`: the figures that the documentation speaks of, on this machine.

Without a name all of them but the long one.
"""

import asyncio
import sys

from benchmarks import accounts, decision, dlq, flood, idle, memory, newest, outcomes, quota_share, real

MEASUREMENTS = {
    "accounts": accounts.measure,
    "decision": decision.measure,
    "dlq": dlq.measure,
    "flood": flood.measure,
    "idle": idle.measure,
    "memory": memory.measure,
    "newest": newest.measure,
    "outcomes": outcomes.measure,
    "quota": quota_share.measure,
    "crash": real.measure_scaled,
}
LONG = {"real": real.measure}
MARKS = {True: "ok", False: "MISSED", None: ""}
# Speed is this machine's; memory and the quota are the program's, and hold anywhere.
FIRM = ("accounts", "memory", "quota", "crash", "real")


def main() -> None:
    """Measure and print; exit code 1 where an aim that holds anywhere is missed."""
    names = sys.argv[1:] or list(MEASUREMENTS)
    missed = False
    print(f"{'':50} {'measured':>14}  {'aim':>10}")
    for name in names:
        for figure in asyncio.run((MEASUREMENTS | LONG)[name]()):
            print(f"{figure.what:50} {figure.value:>14}  {figure.aim:>10}  {MARKS[figure.good]}", flush=True)
            missed |= figure.good is False and name in FIRM
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()

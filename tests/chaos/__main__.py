"""`python -m tests.chaos [--seed N] [--runs N] [--keep DIRECTORY]`: seeded chaos runs, one after another."""

import argparse
import asyncio
import sys
import tempfile
import traceback
from pathlib import Path

from tests.chaos.judge import judge
from tests.chaos.plan import plan
from tests.chaos.run import carry_out
from tests.chaos.timeline import summary, timeline


async def one_run(seed: int, directory: Path, *, show: bool = False) -> str | None:
    """One seed's run; what went wrong, how to repeat it and what happened, or None. Prints a line.

    `show`: print the timeline of a good run, too.
    """
    run = await carry_out(plan(seed), directory)
    findings = judge(run)
    print(f"seed {seed}: {'FAILED' if findings else 'ok'}; {summary(run)}", flush=True)
    if not findings:
        if show:
            print(timeline(run), flush=True)
        return None
    told = "\n".join(f"- {finding}" for finding in findings)
    return f"repeat it: make chaos SEED={seed} RUNS=1\n{told}\n{timeline(run)}"


def main() -> None:
    """Exit code 1 where a seed failed."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--runs", type=int, default=10, help="how many seeds, one after another")
    parser.add_argument("--show", action="store_true", help="print the timelines of good runs, too")
    parser.add_argument("--keep", type=Path, help="keep the logs of broker and replicas in this directory")
    options = parser.parse_args()
    failed = []
    for seed in range(options.seed, options.seed + options.runs):
        with tempfile.TemporaryDirectory() as temporary:
            directory = (options.keep or Path(temporary)) / f"seed-{seed}"
            directory.mkdir(parents=True)
            try:
                told = asyncio.run(one_run(seed, directory, show=options.show))
            except Exception:  # noqa: BLE001  (the edge of the process: the other seeds still run)
                told = f"seed {seed}: the run itself broke\n{traceback.format_exc()}"
        if told:
            failed.append(seed)
            print(told, flush=True)
    print(f"{options.runs} runs, {len(failed)} failed: {', '.join(map(str, failed)) or 'no seed'}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

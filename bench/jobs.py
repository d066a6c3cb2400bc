"""The time of a sweep with one job at a time, over that with several: whether small runs are better
done side by side, a share of the cores each, or one after another, all cores each.

    python3 bench/jobs.py                          # two jobs at a time, on a CPU
    python3 bench/jobs.py --jobs 4 --rounds 5

A sweep is four seeds of the small DeepLab of scripts/claims.sh, two epochs each, with potentials
given, so that it has no baselines. Both sweeps take turns in every round, in random order, each in
a folder of its own; the rooms are rendered before the first one. The table has the median of the
rounds, and the median and the range of their ratios.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CFG = ROOT / "cfg/seg+depth+normal/claims/DeepLab_efficientnet_lite0.cfg"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=2, help="jobs at a time")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    counts = (1, options.jobs)
    seconds: dict[int, list[float]] = {count: [] for count in counts}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        _sweep(1, Path(folder) / "first", data)
        for number in range(options.rounds):
            for count in random.sample(counts, len(counts)):
                runs = Path(folder) / f"{number}-{count}"
                seconds[count].append(_sweep(count, runs, data))
    ratios = [one / several for one, several in zip(*seconds.values(), strict=True)]
    print(f"{os.cpu_count()} cores, {options.rounds} rounds")
    for count in counts:
        print(f"jobs {count}: {statistics.median(seconds[count]):.1f} s")
    print(
        f"jobs 1 over jobs {options.jobs}: {statistics.median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f})"
    )


def _sweep(jobs: int, runs: Path, data: Path) -> float:
    """The seconds that a sweep takes."""
    command = [sys.executable, ROOT / "train_test.py", CFG, "--mode", "sweep", "--device", "cpu"]
    command += ["--over", "seed=0 1 2 3", "--jobs", str(jobs), "--max_epoch", "2"]
    command += ["--potential", "0.6", "0.8", "0.5", "--runs", runs, "--dataset_root", data]
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()

"""How much a training still gains at its end: each task's accuracy on the validation images over
the last quarter of the epochs.

    python3 bench/last_epochs.py runs

For every network below the folder: what each seed's accuracy gains, in percentage points, their
mean, and beside it the standard deviation of the accuracy over the seeds. A training that gains no
more than that at its end would not be another one if it were longer.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from engine.runs.history import accuracies, last_gain, read_columns
from engine.runs.results import Results
from utils.text import aligned


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path, help="a folder of runs")
    networks = defaultdict(list)
    for path in sorted(parser.parse_args().runs.glob("**/results.json")):
        results = Results.read(path)
        for task in results.tasks:
            values = accuracies(read_columns(path.with_name("epochs.csv")), task)
            loss = results.described_loss if results.is_compared else "alone"
            networks[results.cfg, loss, task].append(values)
    header = ["cfg", "loss", "task", "epochs", "gain of each seed", "mean", "deviation"]
    print("\n".join(aligned([header, *(_row(*item) for item in networks.items())])))


def _row(name: tuple[str, str, str], seeds: list[list[float]]) -> list[str]:
    gains = list(map(last_gain, seeds))
    last = [values[-1] for values in seeds]
    deviation = f"{statistics.stdev(last):.2f}" if len(last) > 1 else "–"
    each = ", ".join(f"{gain:+.2f}" for gain in gains)
    return [*name, f"{len(seeds[0])}", each, f"{statistics.mean(gains):.2f}", deviation]


if __name__ == "__main__":
    main()

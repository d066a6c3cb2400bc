#!/usr/bin/env python3
"""Prints the table of a sweep: sweep_table.py CFG "LOSS …" "SEED …" [options of train_test.py]."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from engine.config import read
from engine.runs.folder import run_folder
from engine.runs.tables import sweep_table
from utils.errors import UserError


def main(cfg: str, names: str, seeds: str, *options: str) -> int:
    """Prints one table over the finished runs of these losses and seeds. A run that was made with
    other options is named and enters no mean."""
    runs, others = [], []
    for name in names.split():
        for seed in seeds.split():
            try:
                config = read([cfg, *options, "--loss", name, "--seed", seed])
                folder = run_folder(config)
                differing = folder.other_options(config)
            except UserError:
                continue  # the run has failed with this very line, which the sweep has shown
            results = folder.finished()
            if not results:
                continue
            results = results.by(config.comparison.delta_metrics)
            if differing:
                others.append((results, differing))
            else:
                runs.append(results)
    table = sweep_table(runs, others) if runs or others else "no run is finished"
    print(f"\n{cfg}\n\n{table}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

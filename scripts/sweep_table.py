#!/usr/bin/env python3
"""Prints the table of a sweep: sweep_table.py CFG "LOSS …" "SEED …" [options of train_test.py]."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import losses
from engine.report import sweep_table
from engine.run_folder import multi_task_folder
from utils.config import read
from utils.errors import UserError


def main(cfg: str, names: str, seeds: str, *options: str) -> int:
    """Prints one table over the finished runs of these losses and seeds."""
    runs = []
    for name in names.split():
        for seed in seeds.split():
            try:
                config = read([cfg, *options, "--loss", name, "--seed", seed], losses.methods())
            except UserError:
                continue  # the run has failed with this very line, which the sweep has shown
            if results := multi_task_folder(config).finished():
                runs.append(results)
    print(f"\n{cfg}\n\n{sweep_table(runs)}\n" if runs else "no run is finished")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

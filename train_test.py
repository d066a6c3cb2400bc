#!/usr/bin/env python3
"""Trains and tests the experiment of a cfg: baselines, multi-task network, comparison.

    python3 train_test.py cfg/seg+depth+normal/NYU/DeepLab_resnet50.cfg [--option value …]

`--help` lists the options.
"""

from __future__ import annotations

import os
import sys

# On a CPU, PyTorch's threads spin while they wait for one another. With the processes that read
# images on the same cores, steps become tens of times slower. OpenMP looks when it is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import losses
from engine.experiment import run_experiment, test_checkpoint
from utils import config as options
from utils.errors import UserError


def main(argv: list[str]) -> int:
    """Runs one command line; returns its exit status: 0, or 2 after the user's mistake."""
    try:
        config = options.read(argv, losses.methods())
    except options.HelpAsked:
        print(options.help_text(losses.methods()))
        return 0
    except UserError as mistake:
        print(f"error: {mistake}", file=sys.stderr)
        return 2
    for notice in config.notices:
        print(notice, file=sys.stderr)
    try:
        {"train": run_experiment, "test": test_checkpoint}[config.mode](config)
    except UserError as mistake:
        print(f"error: {mistake}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on from the last checkpoint", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

#!/usr/bin/env python3
"""Trains and tests the experiment of a cfg: baselines, multi-task network, comparison.

    python3 train_test.py cfg/seg+depth+normal/NYU/DeepLab_resnet50.cfg [--option value …]

`--help` lists the options, `--list losses` the multi-task losses.
"""

from __future__ import annotations

import os
import sys

# On a CPU, PyTorch's threads spin for milliseconds while they wait for one another. With other
# processes on the same cores, those that read images among them, steps become tens of times slower;
# without any spinning they take half as long again. OpenMP looks at this when it is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "20000")

import losses
from engine.check import check
from engine.experiment import run_experiment, test_checkpoint
from engine.export import export
from engine.listing import listing
from engine.network import unused_options
from engine.summary import summarise
from utils import config as options
from utils.errors import UserError

MODES = {
    "train": run_experiment,
    "test": test_checkpoint,
    "export": export,
    "check": check,
    "summary": summarise,
}
"""What each `--mode` does with a cfg."""


def main(argv: list[str]) -> int:
    """Runs one command line; returns its exit status: 0, 1 where a check finds damaged files, 2
    after the user's mistake, 130 after an interruption, 141 where nobody reads the output."""
    try:
        if argv[:1] == ["--list"]:
            print(listing(argv[1:]))
            return 0
        config = options.read(argv, losses.methods())
        for notice in [*config.notices, *unused_options(config)]:
            print(notice, file=sys.stderr)
        found = MODES[config.mode](config)
        return 1 if config.mode == "check" and found["damaged"] else 0
    except options.HelpAsked:
        print(options.help_text(losses.methods()))
        return 0
    except UserError as mistake:
        print(f"error: {mistake}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            "\ninterrupted; a training goes on from its last checkpoint by the same command",
            file=sys.stderr,
        )
        return 130
    except BrokenPipeError:  # who reads the output, such as `head`, has enough of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

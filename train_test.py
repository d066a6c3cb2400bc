#!/usr/bin/env python3
"""Trains and tests the experiment of a cfg: baselines, multi-task network, comparison.

    python3 train_test.py cfg/seg+depth+normal/NYU/DeepLab_resnet50.cfg [--option value …]

`--help` shows how, `--list losses` the multi-task losses.
"""

from __future__ import annotations

import os
import sys

# On a CPU, PyTorch's threads spin for milliseconds while they wait for one another. With other
# processes on the same cores, those that read images among them, steps become tens of times slower;
# without any spinning they take half as long again. OpenMP looks at this when it is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "20000")

from utils import signals, workers
from utils.errors import ProcessLost, UserError
from utils.failures import FAULT, report


def main(argv: list[str]) -> int:
    """Runs one command line; returns its exit status, which docs/runs.md lists."""
    debug = "--debug" in argv
    try:
        status = _run([word for word in argv if word != "--debug"])
        sys.stdout.flush()
        return status
    except UserError as mistake:
        if mistake.told:
            workers.wait_for_the_end()
        else:
            print(f"error: {mistake}", file=sys.stderr, flush=True)
        return 2
    except signals.Stopped as stop:
        if not stop.told:
            print(stop, file=sys.stderr)
        return stop.status
    except ProcessLost as loss:
        workers.wait_for_the_end()
        print(f"error: {loss}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of the output, such as `head`, has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except ModuleNotFoundError:
        raise
    except Exception as error:
        if getattr(error, "told", False):
            workers.wait_for_the_end()
            return FAULT
        return report(error, debug)


def _run(argv: list[str]) -> int:
    if "--help" in argv or "-h" in argv:
        from engine.modes.help import help_text

        print(help_text(argv))
        return 0
    if argv[:1] == ["--list"]:
        from engine.modes.listing import listing

        print(listing(argv[1:]))
        return 0
    from engine.config import read

    with workers.told_by_first():
        config = read(argv)
        mode = config.run.mode.build()
    if workers.is_first():
        for notice in config.notices:
            print(notice, file=sys.stderr)
    return mode.run(config)


def _missing_package(name: str) -> str:
    return (
        f"error: the package {name} is not installed here; activate the environment by "
        "`source .venv/bin/activate`, or make it by `bash scripts/setup.sh requirements.txt`"
    )


if __name__ == "__main__":
    try:
        signals.install()  # before what takes long to import
        sys.exit(main(sys.argv[1:]))
    except ModuleNotFoundError as missing:
        print(_missing_package(missing.name), file=sys.stderr)
        sys.exit(2)

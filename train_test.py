#!/usr/bin/env python3
"""Trains and tests the experiment of a cfg: baselines, multi-task network, comparison.

    python3 train_test.py cfg/seg+depth+normal/NYU/DeepLab_resnet50.cfg [--option value …]

`--help` shows how, `--list losses` the multi-task losses, `--list tasks` the tasks.
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
from utils.failures import report

_SECONDS = 3  # in which the first process tells the fault that all have in common


def main(argv: list[str]) -> int:
    """Runs one command line; returns its exit status, which docs/ci.md lists."""
    debug = "--debug" in argv
    try:
        status = _run([word for word in argv if word != "--debug"], debug)
        sys.stdout.flush()
        return status
    except UserError as mistake:
        # As a rule all processes make the same mistake, which the first one tells.
        if not workers.is_first() and workers.ended_by_launcher():
            return workers.ENDED
        print(f"error: {mistake}", file=sys.stderr)
        return 2
    except signals.Stopped as stop:
        if not stop.told and workers.is_first():
            print(stop, file=sys.stderr)
        return stop.status
    except ProcessLost as loss:
        if workers.ended_by_launcher():
            return workers.ENDED
        print(f"error: {loss}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of the output, such as `head`, has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except ModuleNotFoundError:
        raise
    except Exception as error:
        if not workers.is_first() and workers.ended_by_launcher(_SECONDS):
            return workers.ENDED
        return report(error, debug)


def _run(argv: list[str], debug: bool) -> int:
    if "--help" in argv or "-h" in argv:
        from engine.modes.help import help_text

        print(help_text(argv))
        return 0
    if argv[:1] == ["--list"]:
        from engine.modes.listing import listing

        print(listing(argv[1:]))
        return 0
    from engine.config import read

    config = read(argv)
    mode = config.run.mode.build()
    if mode.by_all_processes and mode.processes > 1 and not workers.is_launched():
        from engine.launch import launch

        return launch(mode.processes, [*argv, *(["--debug"] if debug else [])])
    if workers.is_first():
        for notice in config.notices:
            print(notice, file=sys.stderr)
    if workers.is_first() or mode.by_all_processes:
        return mode.run(config)
    return 0


def _missing_package(name: str) -> str:
    return (
        f"error: the package {name} is not installed here; activate the environment by "
        "`source .venv/bin/activate`, or make it by `bash scripts/setup.sh requirements.txt`"
    )


if __name__ == "__main__":
    try:
        signals.install(once=workers.is_launched())  # before what takes long to import
        sys.exit(main(sys.argv[1:]))
    except ModuleNotFoundError as missing:
        print(_missing_package(missing.name), file=sys.stderr)
        sys.exit(2)

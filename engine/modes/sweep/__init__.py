"""`--mode sweep`: a cfg with each of some losses, seeds or other values, and a table over them."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.modes.sweep.engines import ENGINES
from engine.modes.train import Train
from utils.option import option

if TYPE_CHECKING:
    from engine.config import Config
    from engine.modes.sweep.job import Outcome
    from engine.modes.sweep.product import Run


class Sweep(Train):
    """Runs a cfg once for each combination of some options' values, the baselines first. What is
    done is not done again; a run that fails does not stop the others."""

    by_all_processes = False

    over: tuple[str, ...] = option(
        (),
        'an option and its values, as in --over loss="amtl dtp" --over seed="0 1"; a comma joins '
        "the words of one value",
        repeated=True,
        affects="start",
    )
    engine: str = option(
        "local",
        "what runs the jobs: local, this machine; ray or slurm, the machines of a cluster",
        parts=ENGINES,
        affects="start",
    )
    csv: str | None = option(None, "the file for the table as CSV", affects="start")
    latex: str | None = option(None, "the file for the table in LaTeX", affects="start")

    def run(self, config):
        from engine.modes.sweep.jobs import jobs_of
        from engine.modes.sweep.product import product
        from engine.modes.sweep.progress import Progress
        from engine.runs.folder import cfg_folder

        declared = {name for part in (Sweep, *ENGINES.values()) for name in part.options}
        runs = product(config, {"mode", *declared.difference(Train.options)})
        outcomes: list[Outcome] = []
        with self._lines_for_people():
            jobs = jobs_of(runs)
            print(f"{len(runs)} runs, {len(jobs)} jobs to do", flush=True)
            if jobs:
                folder = cfg_folder(config) / "sweep"
                folder.mkdir(parents=True, exist_ok=True)
                engine = self.engine.build()
                outcomes = engine.run(jobs, folder, Progress(jobs, engine))
            if outcomes is None:  # others run them
                return 0
        self._report(config, runs)
        return _tell_failures(outcomes)

    def _report(self, config: Config, runs: Sequence[Run]) -> None:
        """Prints the table over the runs that are done, and writes its files."""
        from engine.runs.experiment import finished_folder
        from engine.runs.sweep_table import SweepTable
        from utils.files import write_text

        done = []
        for run in runs:
            folder = finished_folder(run.config)
            # A folder that holds a run with other options is one of the failures.
            if (results := folder.finished()) and not folder.other_options(run.config):
                done.append((run.values, results.by(config.comparison.delta_metrics)))
        if self.json:
            print(json.dumps([of_run.as_json() for _, of_run in done], indent=2))
        elif not done:
            print("no run is finished")
        if not done:
            return
        table = SweepTable(done)
        if not self.json:
            print(f"\n{config.path}\n\n{table.text()}\n\n{_next(config)}")
        for path, text in ((self.csv, table.csv), (self.latex, table.latex)):
            if path:
                write_text(Path(path), text())


def _next(config: Config) -> str:
    """The command that makes a page of the runs of a sweep."""
    from engine.runs.baselines import baselines_root
    from engine.runs.folder import cfg_folder

    folders = [path for path in (cfg_folder(config), baselines_root(config)) if path.is_dir()]
    return f"next:\n  python3 train_test.py --mode report {shlex.join(map(str, folders))}"


def _tell_failures(outcomes: Sequence[Outcome]) -> int:
    """Names the jobs that failed, each with its line; returns the exit status."""
    failed = [outcome for outcome in outcomes if outcome.failed]
    for outcome in failed:
        print(f"failed: {outcome.job.name}: {outcome.line}", file=sys.stderr)
    return 1 if failed else 0

"""Jobs as two arrays of a Slurm cluster."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from engine.modes.sweep.engines.base import SCRIPT, Engine
from engine.modes.sweep.job import Job
from utils.errors import UserError
from utils.files import write_text
from utils.option import option

_SIGNAL = "TERM@120"  # seconds before the time is up, in which a run saves its state


class Slurm(Engine):
    """Hands the jobs to Slurm as two arrays, the baselines and then the runs. All nodes must see
    the folder of the runs. A run that Slurm ends is saved, and goes on when it is started again."""

    slurm: tuple[str, ...] = option(
        (),
        "what every job asks of Slurm, without dashes, as in partition=gpu gres=gpu:1 time=9:00:00",
        affects="start",
    )
    dry_run: bool = option(
        False, "print what would be handed to Slurm, and hand over nothing", affects="start"
    )

    def run(self, jobs, folder, finished):
        needed = {name for job in jobs for name in job.needs}
        arrays = {
            "baselines": [job for job in jobs if job.name in needed],
            "runs": [job for job in jobs if job.name not in needed],
        }
        script = folder / "submit.sh"
        write_text(script, self._script(arrays, folder))
        for name, some in arrays.items():
            write_text(folder / f"{name}.txt", "".join(f"{_command(job)}\n" for job in some))
        if self.dry_run:
            _show([script, *(folder / f"{name}.txt" for name in arrays)])
        else:
            _submit(script, len(jobs))
        return None

    def _script(self, arrays: dict[str, list[Job]], folder: Path) -> str:
        """The shell script that hands the arrays over."""
        lines = [
            "#!/usr/bin/env bash",
            "# Hands a sweep to Slurm: line n of a list is the job n of its array.",
            "set -euo pipefail",
            f"cd {shlex.quote(os.getcwd())}",
        ]
        options = " ".join(shlex.quote(f"--{word}") for word in self.slurm)
        before = ""
        for name, jobs in arrays.items():
            if not jobs:
                continue
            path = shlex.quote(str(folder.absolute() / name))
            lines += [
                f"{name}=$(sbatch --parsable --job-name={name} --array=1-{len(jobs)}{before} \\",
                f"    --output={path}-%a.log --signal={_SIGNAL} --requeue {options} \\",
                f'    --wrap \'eval "exec $(sed -n "${{SLURM_ARRAY_TASK_ID}}p" {path}.txt)"\')',
                f'echo "{name}: job ${name}"',
            ]
            before = f" --dependency=afterok:${name}"
        return "\n".join(lines) + "\n"


def _command(job: Job) -> str:
    return shlex.join([sys.executable, str(SCRIPT), *job.argv])


def _show(paths: Sequence[Path]) -> None:
    for path in paths:
        print(f"== {path}\n{path.read_text()}")


def _submit(script: Path, jobs: int) -> None:
    try:
        done = subprocess.run(["bash", script], check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as failure:
        line = (failure.stderr.strip().splitlines() or ["no reason was given"])[-1]
        raise UserError(f"{script}: Slurm did not take the jobs: {line}") from None
    print(
        f"{done.stdout.strip()}\n{jobs} jobs; the same command shows the table when they are done"
    )

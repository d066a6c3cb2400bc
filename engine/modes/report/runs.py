"""The runs of a report: which there are below some folders, and what each has recorded."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from engine.modes.report.settings import Settings, settings_of
from engine.runs.folder import CONFIG, RunFolder
from engine.runs.history import Columns, read_columns
from engine.runs.results import Results
from tasks import TASKS
from utils.errors import UserError
from utils.option import closest

_WITHOUT_RUNS = ("cache", "constants")
"""What lies beside the runs."""


@dataclass(frozen=True, eq=False)
class ReportRun:
    """A finished run, with what it has recorded, which is read when it is asked for."""

    folder: RunFolder
    results: Results

    @property
    def seed(self) -> int:
        return self.results.seed

    @property
    def is_trial(self) -> bool:
        """Whether `--mode search` has tried it."""
        return is_trial(self.folder.path)

    @cached_property
    def settings(self) -> Settings:
        """The options that decide how it came out; see :func:`settings_of`."""
        return settings_of(self.results.options)

    @cached_property
    def epochs(self) -> Columns:
        """The columns of `epochs.csv`; none where the file is gone."""
        return read_columns(self.folder.epochs)

    @cached_property
    def gradients(self) -> Columns:
        """The columns of `gradients.csv`; none without `--diagnose`."""
        return read_columns(self.folder.gradients)

    @property
    def pictures(self) -> Path:
        """The folder of its test pictures, which may be missing."""
        return self.folder.pictures


@dataclass
class Found:
    """What lies below some folders.

    Attributes:
        runs: the finished runs, by path.
        unfinished: the folders of runs without results; those of a search, which ends most of its
            trials early, do not count.
        damaged: the `results.json` that cannot be read.
        empty: the folders, of those asked for, without a finished run.
    """

    runs: list[ReportRun] = field(default_factory=list)
    unfinished: list[Path] = field(default_factory=list)
    damaged: list[Path] = field(default_factory=list)
    empty: list[Path] = field(default_factory=list)

    @property
    def notes(self) -> list[str]:
        """A line for each folder that is left out."""
        return [
            *(f"{path} is left out: it is no finished run" for path in self.unfinished),
            *(f"{path} is left out: it is damaged, or of another version" for path in self.damaged),
            *(f"{path} holds no finished run" for path in self.empty),
        ]


def find_runs(paths: Sequence[str | Path]) -> Found:
    """The runs in or below some folders, each one once. The folder of a run says where it lies now;
    what its results say of places may be of another machine.

    Raises:
        UserError: a folder is not there, or none of them holds a finished run.
    """
    found, seen = Found(), set()
    for path in map(Path, paths):
        _check(path)
        folders = list(_run_folders(path))
        if not any(folder.results.exists() for folder in folders):
            found.empty.append(path)
        for folder in folders:
            if (place := folder.path.resolve()) not in seen:
                seen.add(place)
                _add(folder, found)
    if not found.runs:
        names = ", ".join(map(str, paths))
        unfinished = f"; {len(found.unfinished)} have begun" if found.unfinished else ""
        damaged = f"; {found.damaged[0]} is damaged" if found.damaged else ""
        raise UserError(f"{names}: there is no finished run in it{unfinished}{damaged}")
    return found


def is_trial(folder: Path) -> bool:
    """Whether a folder is called as `--mode search` calls those of its trials."""
    return "-search-" in folder.name


def _check(path: Path) -> None:
    if path.is_file():
        raise UserError(
            f"{path} is a file: --mode report wants folders of runs, such as runs, and no cfg"
        )
    if not path.is_dir():
        close = closest(str(path), [str(p) for p in path.parent.glob("*") if p.is_dir()])
        hint = f"; did you mean {close}?" if close else ""
        raise UserError(f"there is no folder {path}{hint}")


def _run_folders(path: Path) -> Iterator[RunFolder]:
    """The folders of runs, finished or not, in the order of their paths."""
    for place, inner, files in os.walk(path):
        if "results.json" in files or {CONFIG, "log.txt"} <= set(files):
            inner.clear()  # what a run was before it was restarted is no run of its own
            yield RunFolder(Path(place))
        inner[:] = sorted(name for name in inner if name not in _WITHOUT_RUNS)


def _add(folder: RunFolder, found: Found) -> None:
    results = folder.finished()
    if results and all(task.partition(":")[0] in TASKS for task in results.tasks):
        found.runs.append(ReportRun(folder, results))
    elif folder.results.exists():
        found.damaged.append(folder.results)
    elif not is_trial(folder.path):
        found.unfinished.append(folder.path)

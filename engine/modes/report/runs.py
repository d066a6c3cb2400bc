"""The runs of a report: which there are below some folders, and what each has recorded."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from engine.runs.folder import RunFolder
from engine.runs.results import Results

_NOT_SEARCHED = {"cache", "constants", "pictures", "restarts", "tensorboard"}
"""Folders in which there are no runs, or only what a run was before it was restarted."""

Columns = Mapping[str, Sequence[float]]
"""The columns of a table by name, all of one length; NaN where a cell is empty."""


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
        unfinished: the folders of runs without results.
        damaged: the `results.json` that cannot be read.
    """

    runs: list[ReportRun] = field(default_factory=list)
    unfinished: list[Path] = field(default_factory=list)
    damaged: list[Path] = field(default_factory=list)


def find_runs(paths: Sequence[str | Path]) -> Found:
    """The runs in or below some folders, each one once. The folder of a run says where it lies now;
    what its results say of places may be of another machine.

    Raises:
        UserError: a folder is not there, or there is no finished run in it.
    """
    raise NotImplementedError


def read_columns(path: Path) -> Columns:
    """The columns of a table of numbers; none where there is no file."""
    if not path.is_file():
        return {}
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: [_number(row[name]) for row in rows] for name in (rows[0] if rows else ())}


def _number(cell: str | None) -> float:
    try:
        return float(cell or "nan")
    except ValueError:
        return math.nan


def is_trial(folder: Path) -> bool:
    """Whether a folder is called as `--mode search` calls those of its trials."""
    return "-search-" in folder.name

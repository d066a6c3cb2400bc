"""The experiments of a report: runs that can be compared, one row a loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.modes.report.runs import ReportRun


@dataclass(frozen=True, eq=False)
class Row:
    """The runs of one loss, one a seed.

    Attributes:
        name: 'amtl, lr 0.001': the loss, and the options in which the rows differ.
        loss: the name of the loss.
        runs: one a seed, sorted by it.
    """

    name: str
    loss: str
    runs: Sequence[ReportRun]

    @property
    def by_seed(self) -> dict[int, ReportRun]:
        return {run.seed: run for run in self.runs}


@dataclass(frozen=True, eq=False)
class Experiment:
    """Runs of the same tasks, datasets, split, size of images and network.

    Attributes:
        title: the cfg, and where two have one, the options in which these differ.
        tasks: in the order of the cfg.
        rows: one a loss and combination of other options; those of the losses in the order of
            their names, weighted-sum first.
        singles: by task, the single-task networks that the runs are compared with, sorted by seed;
            empty where only their numbers are known.
        front: runs of weighted-sum with other fixed weights, which make no rows.
        repeats: runs that have options and seed of one in a row, and are left out.
    """

    title: str
    tasks: Sequence[str]
    rows: Sequence[Row]
    singles: Mapping[str, Sequence[ReportRun]]
    front: Sequence[ReportRun] = ()
    repeats: Sequence[ReportRun] = ()

    @property
    def seeds(self) -> list[int]:
        """Those of any row."""
        return sorted({run.seed for row in self.rows for run in row.runs})

    @property
    def runs(self) -> list[ReportRun]:
        """Those of all rows."""
        return [run for row in self.rows for run in row.runs]


def experiments_of(runs: Sequence[ReportRun]) -> list[Experiment]:
    """The experiments that runs belong to. A single-task run is one of its own only where no
    multi-task run is compared with it."""
    raise NotImplementedError

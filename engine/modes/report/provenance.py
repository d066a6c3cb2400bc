"""Where the numbers of a report come from: versions, devices, hashes, and how to repeat a run."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from engine.modes.report.experiments import Experiment
from engine.modes.report.runs import ReportRun
from engine.modes.report.tables import MISSING, Cell, Table

_DIGITS = 16  # of a hash
_SETS = ("train", "validation", "test")


def provenance_tables(experiment: Experiment) -> list[Table]:
    """A row a run, and a row a single-task network."""
    tables = [_machines(experiment), _choices(experiment), _starts(experiment), _lists(experiment)]
    return [table for table in tables if table.rows]


def commands_of(experiment: Experiment) -> list[tuple[str, str]]:
    """By run, the command that trains it again, into a folder beside it."""
    return [
        (name, f"python3 train_test.py {shlex.quote(str(run.folder.config))} --run again")
        for name, run in _named(experiment)
        if run.folder.config.is_file()
    ]


def _machines(experiment: Experiment) -> Table:
    columns = ["", "device", "precision", "PyTorch", "processes", "threads", "folder"]
    rows = [
        [
            Cell(name),
            Cell(run.results.device),
            Cell(run.results.precision),
            Cell(run.results.torch),
            _number(run.results.processes),
            _number(run.results.threads),
            Cell(str(run.folder.path)),
        ]
        for name, run in _all(experiment)
    ]
    return Table("Versions and devices", columns, rows)


def _choices(experiment: Experiment) -> Table:
    columns = ["", "network of", "chosen on", "images", "learning rate"]
    rows = [
        [
            Cell(name),
            Cell(run.results.best_place),
            Cell(run.results.selected_on),
            _number(run.results.selection_images),
            Cell(f"{run.results.learning_rate:.3g}", run.results.learning_rate),
        ]
        for name, run in _all(experiment)
    ]
    note = (
        "The network that was tested is the best of its training by the geometric mean of the "
        "tasks' scores on these images; of equals the later one. The learning rate is that after "
        "the rule for the batch size."
    )
    return Table("Which network was tested", columns, rows, note)


def _starts(experiment: Experiment) -> Table:
    """The files that runs depend on, of those that have some."""
    rows = []
    for name, run in _all(experiment):
        start = (run.results.initial_checkpoint or {}).get("sha256")
        kept = (run.results.protocol or {}).get("protocol_list")
        if start or kept:
            rows.append([Cell(name), *(_hash(digest) for digest in (start, kept))])
    columns = ["", "SHA-256 of the initial weights", "of the list of labels"]
    return Table("Files that runs began with", columns, rows)


def _lists(experiment: Experiment) -> Table:
    """The images of each single-task network, which are those of the multi-task one as well."""
    rows = [
        [
            Cell(name),
            Cell(run.results.baseline_key or ""),
            *(Cell(_images(run.results.identity, kind)) for kind in _SETS),
        ]
        for name, run in _singles(experiment)
        if run.results.identity
    ]
    note = "By dataset, how many images have a label of the task, and the hash of their names."
    return Table("Lists of images", ["", "key", *_SETS], rows, note)


def _images(identity: Mapping[str, Any], kind: str) -> str:
    """'NYUD_MT 18 a1b2c3'."""
    return ", ".join(
        f"{name} {part['images']} {part['ids']}" for name, part in identity.get(kind, {}).items()
    )


def _named(experiment: Experiment) -> Iterator[tuple[str, ReportRun]]:
    for row in experiment.rows:
        for run in row.runs:
            yield f"{row.name}, seed {run.seed}", run


def _singles(experiment: Experiment) -> Iterator[tuple[str, ReportRun]]:
    for task, runs in experiment.singles.items():
        for run in runs:
            yield f"single-task {task}, seed {run.seed}", run


def _all(experiment: Experiment) -> Iterator[tuple[str, ReportRun]]:
    yield from _named(experiment)
    yield from _singles(experiment)


def _number(value: int | None) -> Cell:
    return MISSING if value is None else Cell(f"{value:,}", value)


def _hash(digest: Any) -> Cell:
    return Cell(str(digest)[:_DIGITS]) if digest else MISSING

"""What the rows of an experiment cost: parameters, time and memory."""

from __future__ import annotations

import statistics

from engine.modes.report.experiments import PLAIN, Experiment, Row
from engine.modes.report.tables import MISSING, Cell, Table
from engine.runs.tables import SINGLE_TASK
from engine.training.progress import duration

_GB = 1e9


def costs_table(experiment: Experiment) -> Table:
    """Parameters, multiply-adds, time and memory; the memory where runs have recorded it."""
    plain = next((row for row in experiment.rows if row.loss == PLAIN), None)
    columns = ["", "parameters M", "multiply-adds G", "time an epoch"]
    columns += [f"× {plain.name}"] if plain else []
    measured = any(run.results.peak_memory for run in experiment.runs)
    columns += ["memory GB"] if measured else []
    rows = []
    for row in experiment.rows:
        results = row.runs[0].results
        seconds = statistics.fmean(run.results.seconds_per_epoch for run in row.runs)
        cells = [
            Cell(f"{results.parameters / 1e6:.2f}", results.parameters / 1e6),
            Cell(f"{results.gmacs:.2f}", results.gmacs),
            Cell(duration(seconds), seconds),
        ]
        cells += [_ratio(row, plain)] if plain else []
        cells += [_memory(row)] if measured else []
        rows.append([Cell(row.name), *cells])
    if networks := experiment.runs[0].results.single_task_networks:
        parameters, gmacs = networks["parameters"] / 1e6, networks["gmacs"]
        cells = [Cell(f"{parameters:.2f}", parameters), Cell(f"{gmacs:.2f}", gmacs)]
        rows.append([Cell(SINGLE_TASK), *cells, *[MISSING] * (len(columns) - 3)])
    note = "Means over the seeds; the single-task networks together."
    if plain:
        note += " Times are compared where device, threads and processes are the same."
    if measured:
        note += " Memory: the largest, as docs/runs.md says."
    return Table("Costs", columns, rows, note)


def _ratio(row: Row, plain: Row) -> Cell:
    """A row's time over that of weighted-sum; none where they ran on other machines."""
    machines = {
        (run.results.device, run.results.threads, run.results.processes)
        for run in (*row.runs, *plain.runs)
    }
    if len(machines) > 1:
        return MISSING
    times = (
        statistics.fmean(run.results.seconds_per_epoch for run in r.runs) for r in (row, plain)
    )
    seconds, of_plain = times
    return Cell(f"{seconds / of_plain:.2f}", seconds / of_plain) if of_plain else MISSING


def _memory(row: Row) -> Cell:
    sizes = [run.results.peak_memory for run in row.runs if run.results.peak_memory]
    return Cell(f"{max(sizes) / _GB:.2f}", max(sizes) / _GB) if sizes else MISSING

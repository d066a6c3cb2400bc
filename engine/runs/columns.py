"""The columns of tables over several runs: metrics, and what a run gains over its baselines."""

from __future__ import annotations

from dataclasses import dataclass

from engine.runs.results import Metrics, Results
from tasks import task_class


@dataclass(frozen=True)
class Column:
    """A number of every run: a metric, the Δ of a task (no metric), or Δ_MTL (no task either).

    Attributes:
        definition: of Δ, one of `engine.runs.deltas.DEFINITIONS`; empty: that of the results.
    """

    task: str = ""
    metric: str = ""
    definition: str = ""

    @property
    def title(self) -> str:
        """'depth rmse ↓'."""
        if not self.metric:
            name = f"Δ {self.task}" if self.task else "Δ_MTL"
            return f"{name} {self.definition} % ↑" if self.definition else f"{name} % ↑"
        unit = " %" if self.scale == 100 else ""
        return f"{self.task} {self.metric}{unit} {'↑' if self.sign > 0 else '↓'}"

    @property
    def sign(self) -> int:
        """+1 where higher is better, else -1."""
        return task_class(self.task).metrics[self.metric] if self.metric else 1

    @property
    def scale(self) -> int:
        """100 for a share, which is shown in percent."""
        return 100 if self.metric and self.sign > 0 else 1

    def of(self, run: Results) -> float | None:
        """The number of a run."""
        if self.metric:
            return self.of_metrics(run.metrics)
        run = run.by(self.definition) if self.definition else run
        return (run.delta or {}).get(self.task) if self.task else run.delta_mtl

    def of_metrics(self, metrics: Metrics | None) -> float | None:
        """The number in the metrics of another network; None where it is no metric."""
        value = (metrics or {}).get(self.task, {}).get(self.metric)
        return None if value is None else self.scale * value


def columns_of(run: Results) -> list[Column]:
    """The accuracy of each task first, then its other metrics; Δ at the end."""
    columns = []
    for task in run.tasks:
        accuracy = task_class(task).accuracy
        columns += [
            Column(task, name) for name in sorted(run.metrics[task], key=lambda n: n != accuracy)
        ]
    if run.is_compared:
        columns += [*(Column(task) for task in run.tasks), Column()]
    return columns


def is_for_readers(column: Column, run: Results) -> bool:
    """Whether the column is Δ, or a metric that the Δ of the run is made of."""
    return not column.metric or column.metric in run.metrics_in_delta[column.task]

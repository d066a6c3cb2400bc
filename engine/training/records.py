"""The records of a run: a row a step, a row an epoch, TensorBoard."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from torch import Tensor

from engine.runs.folder import RunFolder
from engine.training.affinity import draw_affinity, groups_in_words
from losses.gradient_statistics import statistic_names
from utils.files import replacing


class Records:
    """The records of one run. After an interruption the rows later than the last checkpoint are
    dropped, and the run adds to the others.

    Args:
        tasks: the names of all tasks, in order.
        done: the number of epochs that are finished.
        steps: the number of steps in an epoch.
    """

    def __init__(self, folder: RunFolder, tasks: Iterable[str], done: int = 0, steps: int = 0):
        self.folder = folder
        self.tasks = list(tasks)
        columns = ["lr", *(f"{n} {t}" for n in ("loss", "weight") for t in self.tasks)]
        self.steps = _Table(folder.steps, ["epoch", "step", *columns], done)
        self.gradients = _Table(
            folder.gradients, ["epoch", "step", *statistic_names(self.tasks)], done
        )
        self.affinity = _Table(folder.affinity, ["epoch", "source", "group", *self.tasks], done)
        from torch.utils.tensorboard import SummaryWriter  # 1 s, which --help need not wait for

        self.events = SummaryWriter(str(folder.events), purge_step=done * steps)

    def add_steps(self, rows: list[dict]) -> None:
        """Adds the steps of an epoch: rows with some of the columns of `steps.csv`."""
        self.steps.add(rows)
        self._show("step", rows)

    def add_gradients(self, rows: list[dict]) -> None:
        """Adds the gradient statistics of an epoch: rows with some of the columns of
        `gradients.csv`."""
        self.gradients.add(rows)
        self._show("gradient", rows)

    def add_affinity(
        self, epoch: int, step: int, affinity: Tensor, groups: Sequence[Sequence[str]]
    ) -> None:
        """Adds the affinities after an epoch: one row per source, with the number of its group. In
        TensorBoard they are numbers and a picture.

        Args:
            affinity: (T, T), of source (row) on target (column).
            groups: the tasks that are updated together.
        """
        number = {task: k for k, group in enumerate(groups) for task in group}
        for source, row in zip(self.tasks, affinity.tolist(), strict=True):
            named = {"epoch": epoch, "source": source, "group": number[source]}
            self.affinity.add([named | dict(zip(self.tasks, row, strict=True))])
            for target, value in zip(self.tasks, row, strict=True):
                self.events.add_scalar(_tag(f"affinity/{source}→{target}"), value, step)
        picture = draw_affinity(affinity.numpy(), self.tasks, groups)
        self.events.add_image("affinity", picture, step, dataformats="HWC")
        self.events.add_text("groups", groups_in_words(groups), step)

    def set_epochs(self, history: list[dict], step: int) -> None:
        """Writes the rows of all epochs; the last one also goes to TensorBoard, at `step`."""
        keys = dict.fromkeys(key for row in history for key in row)
        rows = [{key: row.get(key, "") for key in keys} for row in history]
        _write_rows(self.folder.epochs, list(keys), rows)
        for name, value in history[-1].items():
            if name != "epoch":
                self.events.add_scalar(_tag(f"epoch/{name}"), value, step)
        self.events.flush()

    def close(self) -> None:
        self.events.close()

    def _show(self, kind: str, rows: list[dict]) -> None:
        for row in rows:
            for name, value in row.items():
                if name not in ("epoch", "step") and math.isfinite(value):
                    self.events.add_scalar(_tag(f"{kind}/{name}"), value, row["step"])


class _Table:
    """A CSV file that grows, with the epoch in each row. The first row creates the file. Rows of
    epochs after `done` are dropped."""

    def __init__(self, path: Path, columns: list[str], done: int):
        self.path = path
        self.columns = columns
        if path.exists():
            with open(path, newline="") as file:
                kept = [row for row in csv.DictReader(file) if int(row["epoch"]) <= done]
            path.unlink()
            self.add(kept)

    def add(self, rows: list[dict]) -> None:
        """Adds rows with some of the columns."""
        if not rows:
            return
        exists = self.path.exists()
        with open(self.path, "a", newline="") as file:
            writer = csv.DictWriter(file, self.columns)
            if not exists:
                writer.writeheader()
            writer.writerows(rows)


def _write_rows(path: Path, columns: list[str], rows: list[dict]) -> None:
    """Writes a CSV file; a process killed on the way leaves the old file."""
    with replacing(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def _tag(name: str) -> str:
    """A name in the characters that TensorBoard allows."""
    for old, new in ((" ", "/"), (":", "-"), ("|", "_"), ("→", "_to_")):
        name = name.replace(old, new)
    return name

"""The records of a run: a row a step, a row an epoch, TensorBoard."""

from __future__ import annotations

import csv
import io
import math
import os
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from engine.runs.folder import RunFolder
from engine.training.affinity import draw_affinity, groups_in_words
from losses.gradient_statistics import statistic_names
from utils.files import make_way, replacing

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class Records:
    """The records of one run. After an interruption what is later than the last checkpoint is cut
    off, and the run adds to the rest.

    Args:
        tasks: the names of all tasks, in order.
        log: takes lines for the user.
    """

    def __init__(self, folder: RunFolder, tasks: Iterable[str], log: Callable[[str], None] = print):
        self.folder, self.log = folder, log
        self.tasks = list(tasks)
        losses = [f"loss {task}" for task in self.tasks]
        self.steps = _Table(folder.steps, ["epoch", "step", "lr", *losses])
        self.gradients = _Table(folder.gradients, ["epoch", "step", *statistic_names(self.tasks)])
        self.affinity = _Table(folder.affinity, ["epoch", "source", "group", *self.tasks])
        self.events: SummaryWriter | None = None

    def begin(self, step: int) -> None:
        """Goes on after a step, counted from 1 over all epochs, with the rows that the state says.
        Rows that have changed since are moved aside, and the log says so."""
        for table in self._tables:
            if damaged := table.cut():
                self.log(
                    f"{table.path} is not what it was at the last checkpoint: it is kept as "
                    f"{damaged.name}, and begins anew after step {step}"
                )
        from torch.utils.tensorboard import SummaryWriter  # 1 s, which --help need not wait for

        # Steps count from 1: with 0, all events of before are dropped.
        self.events = SummaryWriter(str(self.folder.events), purge_step=step + 1 if step else 0)

    def state_dict(self) -> dict[str, list[int]]:
        return {table.path.name: table.extent for table in self._tables}

    def load_state_dict(self, state: dict[str, list[int]]) -> None:
        for table in self._tables:
            table.extent = list(state[table.path.name])

    @property
    def _tables(self) -> tuple[_Table, ...]:
        return self.steps, self.gradients, self.affinity

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

    def add_epoch(self, row: dict, step: int) -> None:
        """Shows the row of an epoch in TensorBoard, at `step`."""
        for name, value in row.items():
            if name not in ("epoch", "step"):
                self.events.add_scalar(_tag(f"epoch/{name}"), value, step)
        self.events.flush()

    def write_epochs(self, history: list[dict]) -> None:
        """Writes the rows of all epochs."""
        keys = dict.fromkeys(key for row in history for key in row)
        rows = [{key: row.get(key, "") for key in keys} for row in history]
        make_way(self.folder.epochs)
        with replacing(self.folder.epochs) as temporary:
            temporary.write_text(_csv(list(keys), rows, header=True), newline="")

    def close(self) -> None:
        if self.events is not None:
            self.events.close()

    def _show(self, kind: str, rows: list[dict]) -> None:
        for row in rows:
            for name, value in row.items():
                if name not in ("epoch", "step") and math.isfinite(value):
                    self.events.add_scalar(_tag(f"{kind}/{name}"), value, row["step"])


class NoRecords:
    """The records of a process that writes none."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: None


class _Table:
    """A CSV file that grows. The first row creates the file.

    Attributes:
        extent: [the number of bytes written, their CRC-32].
    """

    def __init__(self, path: Path, columns: list[str]):
        self.path, self.columns = path, columns
        self.extent = [0, 0]

    def add(self, rows: list[dict]) -> None:
        """Adds rows with some of the columns."""
        if not rows:
            return
        size, checksum = self.extent
        content = _csv(self.columns, rows, header=size == 0).encode()
        with open(self.path, "ab") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        self.extent = [size + len(content), zlib.crc32(content, checksum)]

    def cut(self) -> Path | None:
        """Cuts off what is beyond the extent. Where the rest is not what was written, the file is
        moved aside, and its new place is returned."""
        size, checksum = self.extent
        if not os.path.lexists(self.path):
            if size == 0:
                return None
        elif self.path.is_file() and zlib.crc32(self.path.read_bytes()[:size]) == checksum:
            if size == 0:
                self.path.unlink()
            else:
                os.truncate(self.path, size)
                self._take_columns()
            return None
        self.extent = [0, 0]
        damaged = self.path.with_name(f"{self.path.name}.damaged")
        if os.path.lexists(self.path):
            os.replace(self.path, damaged)
        return damaged

    def _take_columns(self) -> None:
        """Goes on with the columns of the file, which an earlier version may have begun."""
        with open(self.path, newline="", encoding="utf-8") as file:
            self.columns = next(csv.reader(file))


def _csv(columns: list[str], rows: list[dict], header: bool) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore")
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _tag(name: str) -> str:
    """A name in the characters that TensorBoard allows."""
    for old, new in ((" ", "/"), (":", "-"), ("|", "_"), ("→", "_to_")):
        name = name.replace(old, new)
    return name

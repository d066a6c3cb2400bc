"""What a run writes down while it trains: the log, a row a step, a row an epoch, TensorBoard."""

from __future__ import annotations

import csv
import math
import sys
import time
from collections.abc import Iterable

from tqdm import tqdm

from engine.run_folder import RunFolder, write_rows


class Records:
    """The records of one run. A run that goes on after an interruption goes on with them, without
    what came after its last checkpoint.

    Args:
        done: the number of epochs that are finished.
        steps: the number of steps in an epoch.
    """

    def __init__(self, folder: RunFolder, tasks: Iterable[str], done: int = 0, steps: int = 0):
        self.folder = folder
        self.columns = [
            "epoch",
            "step",
            "lr",
            *(f"{n} {t}" for n in ("loss", "weight") for t in tasks),
        ]
        from torch.utils.tensorboard import SummaryWriter  # a second, which an error need not wait

        self.events = SummaryWriter(str(folder.events), purge_step=done * steps)
        self._keep_steps_before(done)

    def log(self, line: str) -> None:
        """Prints a line above the progress bar, if there is one, and keeps it in the log."""
        tqdm.write(line)
        sys.stdout.flush()
        with open(self.folder.log, "a") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {line}\n")

    def add_steps(self, rows: list[dict]) -> None:
        """Adds an epoch's steps, dictionaries with some of the keys of `columns`."""
        with open(self.folder.steps, "a", newline="") as file:
            csv.DictWriter(file, self.columns).writerows(rows)
        for row in rows:
            for name, value in row.items():
                if name not in ("epoch", "step") and not math.isnan(value):
                    self.events.add_scalar(_tag(f"step/{name}"), value, row["step"])

    def set_epochs(self, history: list[dict], step: int) -> None:
        """Writes all epochs so far; the last one also goes to TensorBoard, at `step`."""
        keys = dict.fromkeys(key for row in history for key in row)
        write_rows(self.folder.epochs, [{key: row.get(key, "") for key in keys} for row in history])
        for name, value in history[-1].items():
            if name != "epoch":
                self.events.add_scalar(_tag(f"epoch/{name}"), value, step)
        self.events.flush()

    def close(self) -> None:
        self.events.close()

    def _keep_steps_before(self, epoch: int) -> None:
        kept = []
        if self.folder.steps.exists():
            with open(self.folder.steps, newline="") as file:
                kept = [row for row in csv.DictReader(file) if int(row["epoch"]) <= epoch]
        with open(self.folder.steps, "w", newline="") as file:
            writer = csv.DictWriter(file, self.columns)
            writer.writeheader()
            writer.writerows(kept)


def _tag(name: str) -> str:
    return name.replace(" ", "/").replace(":", "-")

"""The checkpoints of a run, each of them kept twice."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from engine.runs import checkpoint
from engine.runs.folder import RunFolder
from utils.errors import DataError
from utils.files import copy, make_way, remove


class Keeper:
    """Writes a run's checkpoints, and finds the one to go on from.

    The last two states of the training are kept, `last.pt` and `previous.pt`, and the best network
    so far twice, `best.pt` and `best-copy.pt`. Where a file is damaged, the other one serves.

    The best network may be of a later epoch than the state: a training that was killed between the
    two finds the same network again.

    Args:
        folder: of the run.
        header: what each checkpoint says of the network; see `engine.runs.checkpoint`.
        log: takes lines for the user.
    """

    def __init__(self, folder: RunFolder, header: Mapping[str, Any], log: Callable[[str], None]):
        self.folder, self.header, self.log = folder, header, log

    def save_best(self, state: Mapping[str, Any]) -> None:
        """Writes the best network so far. `state` has its `epoch`, `validation` and `network`."""
        checkpoint.save(self.folder.best, {**self.header, **state})
        copy(self.folder.best, self.folder.best_copy)

    def load_best(self, device: torch.device) -> dict[str, Any]:
        """The best network so far; where `best.pt` is damaged, it is restored.

        Raises:
            DataError: both files are missing or damaged.
        """
        try:
            return checkpoint.load(self.folder.best, device)
        except DataError as mistake:
            try:
                state = checkpoint.load(self.folder.best_copy, device)
            except DataError:
                raise DataError(
                    f"{mistake}; remove {self.folder.path}, and the same command trains it anew"
                ) from None
            self.log(f"{mistake}; it is restored from {self.folder.best_copy.name}")
        remove(self.folder.best)
        copy(self.folder.best_copy, self.folder.best)
        return state

    def save(self, state: Mapping[str, Any]) -> None:
        """Writes the state of the training."""
        if self.folder.last.exists():
            make_way(self.folder.previous)
            os.replace(self.folder.last, self.folder.previous)
        checkpoint.save(self.folder.last, {**self.header, **state})

    def load(
        self, take: Callable[[Mapping[str, Any], Path], None], device: torch.device
    ) -> Path | None:
        """Gives the last state that is whole to `take`, and returns its path; None where there is
        no state yet.

        Args:
            take: loads the state; raises DataError where the state does not fit.

        Raises:
            DataError: neither state is whole.
        """
        mistakes: list[DataError] = []
        for path in (self.folder.last, self.folder.previous):
            if not os.path.lexists(path):
                continue
            try:
                take(checkpoint.load(path, device), path)
            except DataError as mistake:
                mistakes.append(mistake)
                continue
            if mistakes:
                self.log(f"{mistakes[0]}; the training goes on from {path.name}")
                remove(self.folder.last)  # else it would take the place of the whole one
            return path
        if mistakes:
            raise DataError(
                f"{mistakes[0]}; there is no whole checkpoint before it: remove {self.folder.path} "
                "to train anew"
            )
        return None

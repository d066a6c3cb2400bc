"""The state of a training: what its last checkpoint holds, and what it goes on from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from engine.runs import checkpoint


class TrainingState:
    """Named components, each with `state_dict` and `load_state_dict`, and the history.

    Attributes:
        components: by name; the network is called `network`.
        history: a row an epoch.
        best: the selection score and the epoch of the best checkpoint.
    """

    def __init__(self, components: Mapping[str, Any]):
        self.components = dict(components)
        self.history: list[dict] = []
        self.best = {"total": -math.inf, "epoch": 0}

    @property
    def epoch(self) -> int:
        """The number of epochs that are finished."""
        return len(self.history)

    def save(self, path: Path, header: Mapping[str, Any]) -> None:
        """Writes a checkpoint with this header."""
        state = {name: part.state_dict() for name, part in self.components.items()}
        progress = {"history": self.history, "best": self.best}
        checkpoint.save(path, {**header, **state, **progress})

    def load(self, path: Path, device: torch.device) -> None:
        """Goes on from a checkpoint.

        Raises:
            DataError: the checkpoint is damaged, or of another network.
        """
        state = checkpoint.load(path, device)
        for name, part in self.components.items():
            if name == "network":
                checkpoint.load_network(part, state[name], path)
            else:
                part.load_state_dict(state[name])
        self.history, self.best = state["history"], state["best"]

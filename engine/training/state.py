"""The state of a training: what the last checkpoint holds, and what a training goes on from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from engine.runs import checkpoint


class History(list):
    """The rows of the finished epochs."""

    def state_dict(self) -> list[dict]:
        return list(self)

    def load_state_dict(self, rows: list[dict]) -> None:
        self[:] = rows


class TrainingState:
    """Named components, each with `state_dict` and `load_state_dict`.

    Args:
        components: by their names in the checkpoint. The network is called `network`; None stands
            for a component that this training does not have.

    Attributes:
        history: a component as well.
    """

    def __init__(self, components: Mapping[str, Any]):
        self.history = History()
        components = {**components, "history": self.history}
        self.components = {name: part for name, part in components.items() if part is not None}

    @property
    def epoch(self) -> int:
        """The number of finished epochs."""
        return len(self.history)

    def save(self, path: Path, header: Mapping[str, Any]) -> None:
        """Writes a checkpoint with a header."""
        state = {name: part.state_dict() for name, part in self.components.items()}
        checkpoint.save(path, {**header, **state})

    def load(self, path: Path, device: torch.device) -> None:
        """Takes the state of a checkpoint.

        Raises:
            DataError: the checkpoint is damaged, or of another network.
        """
        state = checkpoint.load(path, device)
        checkpoint.load_network(self.components["network"], state["network"], path)
        for name, part in self.components.items():
            if name != "network":
                part.load_state_dict(state[name])

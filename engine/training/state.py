"""The state of a training: what the last checkpoint holds, and what a training goes on from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.runs import checkpoint
from utils.errors import DataError


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

    def state_dict(self) -> dict[str, Any]:
        return {name: part.state_dict() for name, part in self.components.items()}

    def load(self, state: Mapping[str, Any], path: Path) -> None:
        """Takes the state of the checkpoint in a file.

        Raises:
            DataError: the checkpoint is of another network, or lacks something.
        """
        state = {"shares": {"images": []}, **state}  # which earlier versions did not count
        if missing := [name for name in self.components if name not in state]:
            raise DataError(f"{path}: holds no {missing[0]} of a training")
        checkpoint.load_network(self.components["network"], state["network"], path)
        for name, part in self.components.items():
            if name == "network":
                continue
            try:
                part.load_state_dict(state[name])
            except (KeyError, IndexError, TypeError, ValueError, RuntimeError) as reason:
                text = f"{type(reason).__name__}: {reason}".splitlines()[0]
                raise DataError(f"{path}: holds no {name} of this training ({text})") from None

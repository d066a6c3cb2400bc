"""Checkpoints that are whole or not there: written beside, then renamed."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import torch
from torch import nn

from utils.errors import DataError


def save(path: Path, state: dict) -> None:
    """Writes tensors and plain values; a process killed on the way leaves the old file."""
    beside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    torch.save(state, beside)
    os.replace(beside, path)


def load(path: Path, device: torch.device | str = "cpu") -> dict:
    """Reads what :func:`save` wrote, and nothing that could run code.

    Raises:
        DataError: the file is missing, or no checkpoint.
    """
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such checkpoint") from None
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as reason:
        first = str(reason).strip().splitlines()[0] if str(reason).strip() else "damaged"
        raise DataError(f"{path}: cannot be read as a checkpoint ({first})") from None
    if not isinstance(state, dict) or "network" not in state:
        raise DataError(f"{path}: holds no network of this program")
    return state


def load_network(network: nn.Module, state: dict[str, torch.Tensor], path: Path) -> None:
    """Loads weights into a network of the same build.

    Raises:
        DataError: they are those of another network; names the first part that differs.
    """
    own = network.state_dict()
    for name in [*own, *state]:
        if name not in state:
            raise DataError(f"{path}: is of another network: it has no {name}")
        if name not in own:
            raise DataError(f"{path}: is of another network: it has {name}, the cfg's has not")
        if own[name].shape != state[name].shape:
            raise DataError(
                f"{path}: is of another network: its {name} is {tuple(state[name].shape)}, "
                f"the cfg's {tuple(own[name].shape)}"
            )
    network.load_state_dict(state)

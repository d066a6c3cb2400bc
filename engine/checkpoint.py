"""Checkpoints that are whole or not there: written beside, then renamed."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch
from torch import Tensor, nn

from utils.errors import DataError
from utils.files import replacing

_HEADS = "heads."


def save(path: Path, state: dict) -> None:
    """Writes tensors and plain values; a process killed on the way leaves the old file."""
    with replacing(path) as beside:
        torch.save(state, beside)


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
    network = state.get("network") if isinstance(state, dict) else None
    if not isinstance(network, dict) or not all(isinstance(v, Tensor) for v in network.values()):
        raise DataError(f"{path}: holds no network of this program")
    return state


def load_network(network: nn.Module, state: dict[str, Tensor], path: Path) -> None:
    """Loads weights into a `models.Network` of the same build.

    Raises:
        DataError: they are those of another network; names the parts that differ.
    """
    if differences := _differences(network.state_dict(), state):
        raise DataError(f"{path}: is of another network: {'; '.join(differences)}")
    network.load_state_dict(state)


def _differences(own: dict[str, Tensor], other: dict[str, Tensor]) -> list[str]:
    """In what the network of `other` weights differs from one's own, in words."""
    own_parts, other_parts = _parts(own), _parts(other)
    found = []
    if own_parts.keys() != other_parts.keys():
        found.append(f"its tasks are {_tasks(other_parts)}, the cfg's {_tasks(own_parts)}")
    for part in own_parts:
        if part in other_parts:
            name = part.replace(_HEADS, "head of ")
            found += _difference(name, own_parts[part], other_parts[part])
    return found


def _parts(state: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """The weights of each part: 'backbone', 'neck' and, for each task, 'heads.<task>'."""
    parts: dict[str, dict[str, Tensor]] = {"backbone": {}, "neck": {}}
    for name, tensor in state.items():
        words = name.split(".")
        length = 2 if name.startswith(_HEADS) else 1
        parts.setdefault(".".join(words[:length]), {})[".".join(words[length:])] = tensor
    return parts


def _tasks(parts: dict[str, dict]) -> str:
    tasks = (part.removeprefix(_HEADS) for part in parts if part.startswith(_HEADS))
    return ", ".join(tasks) or "none"


def _difference(name: str, own: dict[str, Tensor], other: dict[str, Tensor]) -> list[str]:
    """How the weights of one part differ, in words: nothing, or one clause."""
    if own.keys() != other.keys():
        return [f"its {name} is built otherwise"]
    unlike = [key for key in own if own[key].shape != other[key].shape]
    if not unlike:
        return []
    shape, others = own[unlike[-1]].shape, other[unlike[-1]].shape
    alike_but_outputs = all(own[key].shape[1:] == other[key].shape[1:] for key in unlike)
    if name.startswith("head") and alike_but_outputs:
        return [f"its {name} is for other classes ({others[0]} outputs, the cfg's has {shape[0]})"]
    return [f"its {name} has other sizes ({tuple(others)}, the cfg's {tuple(shape)})"]

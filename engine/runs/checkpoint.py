"""Checkpoints: files that say what network they hold, and that are whole or not there."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

import models
from models import ARCHITECTURES, BACKBONES, Network
from models.normalisation import Normalisation
from tasks import TASKS, Task
from utils.errors import ConfigError, DataError
from utils.files import replacing
from utils.part import Choice, Registry

if TYPE_CHECKING:
    from engine.config import Config

FORMAT = 2
"""The version of the header. Checkpoints of before have none."""

BEST = "best.pt"
"""The best network of a run, in its folder."""

_HEADS = "heads."

_OF_THE_NETWORK = ("format", "arch", "backbone", "size", "aspect", "mean", "std", "tasks")

PUBLISHED = ("true", "imagenet_v1", "false")
"""The values of a backbone's `pretrained` that are no path."""


def header(config: Config, tasks: Sequence[Task]) -> dict[str, Any]:
    """What a checkpoint says of its network: the parts that it was built from, the tasks with their
    classes, and the size, aspect and normalisation of the images."""
    network = config.network
    normalisation = models.normalisation_of(network.backbone)
    return {
        "format": FORMAT,
        "arch": _stored(network.arch),
        "backbone": _stored(network.backbone),
        "size": list(config.data.size),
        "aspect": config.data.aspect,
        "mean": list(normalisation.mean),
        "std": list(normalisation.std),
        "tasks": [
            {
                "task_type": task.task_type,
                "dataset": task.dataset,
                "classes": list(task.classes),
                "options": task.settings,
            }
            for task in tasks
        ],
        "config": config.text(),
    }


def to_give_away(state: Mapping[str, Any]) -> dict[str, Any]:
    """What :func:`open_network` reads of a checkpoint, and nothing else: no cfg, no state of a
    training and no path of the machine. The weights are float32 and on the CPU."""
    kept = {name: state[name] for name in _OF_THE_NETWORK if name in state}
    backbone, settings = kept["backbone"], kept["backbone"]["settings"]
    if settings["pretrained"] not in PUBLISHED:
        settings = {**settings, "pretrained": "false"}  # a file, whose weights are trained by now
    weights = {
        name: (tensor.float() if tensor.is_floating_point() else tensor).cpu().clone()
        for name, tensor in state["network"].items()
    }
    return {**kept, "backbone": {**backbone, "settings": settings}, "network": weights}


def save(path: Path, state: Mapping[str, Any]) -> None:
    """Writes tensors and plain values; a process killed on the way leaves the old file.

    Raises:
        OSError: the file cannot be written.
    """
    with replacing(path) as temporary, open(temporary, "wb") as file:
        try:
            torch.save(dict(state), file)
        except RuntimeError as error:  # torch's own, in the place of what the file said
            if isinstance(reason := error.__context__, OSError):
                raise reason from None
            raise


def checkpoint_file(path: str | PathLike) -> Path:
    """The file of a checkpoint: of the folder of a run, that of its best network."""
    path = Path(path)
    return path / BEST if path.is_dir() else path


def load(path: str | PathLike, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Reads what :func:`save` wrote, and nothing that could run code.

    Raises:
        DataError: the file is missing, damaged, no checkpoint, or one of an earlier version.
    """
    path = Path(path)
    if not os.path.lexists(path):
        raise DataError(f"{path}: there is no such checkpoint")
    try:
        _test_checksums(path)
        state = torch.load(path, map_location=device, weights_only=True)
    except Exception as reason:  # of many kinds: it depends on which bytes are damaged
        text = next(iter(str(reason).strip().splitlines()), "") or "damaged"
        raise DataError(f"{path}: cannot be read as a checkpoint ({text})") from None
    network = state.get("network") if isinstance(state, dict) else None
    if not isinstance(network, dict) or not all(isinstance(v, Tensor) for v in network.values()):
        raise DataError(f"{path}: holds no network of this program{_other_contents(state)}")
    if state.get("format") != FORMAT:
        raise DataError(
            f"{path}: is a checkpoint of another version of this program, which cannot be read; "
            "train it anew"
        )
    return state


def open_network(
    path: str | PathLike, device: torch.device | str = "cpu"
) -> tuple[Network, list[Task]]:
    """The network of a checkpoint, or of the folder of a run, in evaluation mode, and its tasks
    with their classes, without a cfg or data. The network takes RGB in [0, 1] at (height, width) of
    its `size`, and normalises it as the checkpoint says. Its `aspect` says how images came to this
    size: 'stretch', 'keep' or 'pad'.

        network, tasks = open_network("runs/…/best.pt")

    Raises:
        DataError: as :func:`load`; or the checkpoint was built from parts that there are not.
    """
    path = checkpoint_file(path)
    state = load(path, device)
    try:
        tasks = [_task(stored) for stored in state["tasks"]]
        network = models.build(
            _choice(ARCHITECTURES, state["arch"]),
            _choice(BACKBONES, state["backbone"]).with_values(pretrained="false"),
            {task.name: task.head for task in tasks},
            tuple(state["size"]),
        )
    except (ConfigError, KeyError, TypeError) as reason:
        raise DataError(f"{path}: its network cannot be built: {reason}") from None
    load_network(network, state["network"], path)
    network.size = tuple(state["size"])
    network.aspect = state.get("aspect", "stretch")  # which earlier versions always did
    network.normalise_by(Normalisation(tuple(state["mean"]), tuple(state["std"])))
    return network.to(device).eval(), tasks


def load_network(network: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    """Loads weights into a `models.Network` of the same build.

    Raises:
        DataError: they are those of another network; names the modules that differ.
    """
    if differences := _differences(network.state_dict(), state):
        raise DataError(f"{path}: is of another network: {'; '.join(differences)}")
    network.load_state_dict(state)


def load_matching(network: nn.Module, state: Mapping[str, Tensor], path: Path) -> list[str]:
    """Loads the weights of a checkpoint into a network that may have other heads; returns the tasks
    whose heads start anew.

    Raises:
        DataError: backbone or neck are those of another network.
    """
    ours, theirs = _modules(network.state_dict()), _modules(state)
    anew, differences = [], []
    for module, weights in ours.items():
        if not (words := _difference(module, weights, theirs.get(module, {}))):
            continue
        if module.startswith(_HEADS):
            anew.append(module.removeprefix(_HEADS))
        else:
            differences += words
    if differences:
        raise DataError(f"{path}: is of another network: {'; '.join(differences)}")
    kept = {
        name: tensor
        for name, tensor in state.items()
        if _module_of(name) in ours and _module_of(name).removeprefix(_HEADS) not in anew
    }
    network.load_state_dict(kept, strict=False)
    return anew


def _other_contents(state: Any) -> str:
    """The end of an error about a file that another program wrote."""
    names = [str(name) for name in state] if isinstance(state, dict) else []
    if not names:
        return ""
    more = ", …" if len(names) > 3 else ""
    return (
        f", but {', '.join(names[:3])}{more}; the weights of a backbone alone are taken by "
        "`pretrained = PATH`"
    )


def _test_checksums(path: Path) -> None:
    """torch.save writes a zip with checksums, which torch.load does not test."""
    if not path.is_file():
        raise ValueError("it is a directory, a device or a link to nowhere")
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except zipfile.BadZipFile as reason:
        raise ValueError(str(reason)) from None
    if damaged:
        raise ValueError(f"{damaged} is damaged")


def _stored(choice: Choice) -> dict[str, Any]:
    """A choice as plain values."""
    settings = {
        name: _stored(value) if isinstance(value, Choice) else value
        for name, value in choice.all_values().items()
    }
    return {"name": choice.name, "version": choice.part.version, "settings": settings}


def _choice(registry: Registry, stored: Mapping[str, Any]) -> Choice:
    choice = registry.choose(stored["name"])
    if choice.part.version != stored["version"]:
        raise ConfigError(f"{choice.name} computes otherwise since version {choice.part.version}")
    settings = {}
    for name, value in stored["settings"].items():
        nested = isinstance(value, Mapping)
        settings[name] = _choice(choice.part.options[name].parts, value) if nested else value
    return choice.with_values(**settings)


def _task(stored: Mapping[str, Any]) -> Task:
    task = TASKS.choose(stored["task_type"], stored["options"])
    return task.build(tuple(stored["classes"]), stored["dataset"])


def _differences(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> list[str]:
    """Describes how two state dicts differ, one clause per module."""
    ours, theirs = _modules(ours), _modules(theirs)
    clauses = []
    if ours.keys() != theirs.keys():
        clauses.append(f"its tasks are {_tasks(theirs)}, the cfg's {_tasks(ours)}")
    for module in ours:
        if module in theirs:
            clauses += _difference(module, ours[module], theirs[module])
    return clauses


def _module_of(name: str) -> str:
    """The module of a weight: 'backbone', 'neck' or 'heads.<task>'."""
    return ".".join(name.split(".")[: 2 if name.startswith(_HEADS) else 1])


def _modules(state: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """The weights of each module."""
    modules: dict[str, dict[str, Tensor]] = {"backbone": {}, "neck": {}}
    for name, tensor in state.items():
        module = _module_of(name)
        modules.setdefault(module, {})[name.removeprefix(f"{module}.")] = tensor
    return modules


def _tasks(modules: Mapping[str, dict]) -> str:
    tasks = (name.removeprefix(_HEADS) for name in modules if name.startswith(_HEADS))
    return ", ".join(tasks) or "none"


def _difference(module: str, ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> list[str]:
    """Describes how the weights of one module differ: nothing, or one clause."""
    name = module.replace(_HEADS, "head of ")
    if ours.keys() != theirs.keys():
        return [f"its {name} is built otherwise"]
    unlike = [key for key in ours if ours[key].shape != theirs[key].shape]
    if not unlike:
        return []
    shape, other = ours[unlike[-1]].shape, theirs[unlike[-1]].shape
    alike_but_outputs = all(ours[key].shape[1:] == theirs[key].shape[1:] for key in unlike)
    if name.startswith("head") and alike_but_outputs:
        return [f"its {name} is for other classes ({other[0]} outputs, the cfg's has {shape[0]})"]
    return [f"its {name} has other sizes ({tuple(other)}, the cfg's {tuple(shape)})"]

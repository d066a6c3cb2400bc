"""Loads the ImageNet weights of a backbone, or the weights in a file."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from utils.errors import ConfigError

_NESTED = ("state_dict", "model_state_dict", "model", "state_dict_ema")
"""What training checkpoints call the state dict in them."""
_PARALLEL = "module."
"""What `nn.DataParallel` and DistributedDataParallel put before each name."""


def load(
    model: nn.Module,
    name: str,
    pretrained: str,
    download: Callable[[], dict[str, Tensor]],
    classifier: str,
) -> None:
    """Loads weights into a whole classifier network, before it is cut down to a backbone.

    Args:
        model: the network; changed in place.
        name: the name of the network in errors.
        pretrained: "true" or "imagenet_v1" for ImageNet weights, "false" for none, or the path of a
            state dict, or of a checkpoint that holds one.
        download: returns the state dict of the ImageNet weights.
        classifier: the first letters of the names of weights that need not fit.

    Raises:
        ConfigError: the weights cannot be had, or do not fit.
    """
    if pretrained == "false":
        return
    if pretrained in ("true", "imagenet_v1"):
        state, source = downloaded(name, download), "the download"
    else:
        state, source = read(Path(pretrained), name), pretrained
    state = {key: value for key, value in state.items() if not key.startswith(classifier)}
    wanted = {key: v for key, v in model.state_dict().items() if not key.startswith(classifier)}
    if difference := _difference(state, wanted):
        raise unfit(source, name, difference)
    model.load_state_dict(state, strict=False)


def downloaded(name: str, download: Callable[[], Any]) -> Any:
    """The result of `download`.

    Raises:
        ConfigError: the download failed; names both ways out.
    """
    try:
        return download()
    except (OSError, RuntimeError, HTTPException) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ConfigError(
            f"the ImageNet weights of {name} cannot be downloaded ({reason}): "
            "start without them by --pretrained false, or give a file by --pretrained PATH",
            "pretrained",
        ) from error


def read(path: Path, name: str) -> dict[str, Tensor]:
    """The state dict in a file.

    Raises:
        ConfigError: there is no such file, or no state dict in it.
    """
    if not os.path.isfile(path):
        raise ConfigError(
            f"there is no file {path}; it should hold weights of {name}", "pretrained"
        )
    try:
        with warnings.catch_warnings(action="ignore"):  # of what is no state dict anyway
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # of many kinds: it depends on the bytes of the file
        state = None
    weights = _unwrapped(state)
    if weights is None:
        names = ", ".join(map(str, state)) if isinstance(state, dict) else ""
        contents = f"; it holds {names}" if names else ""
        raise ConfigError(
            f"{path} is not a state dict (names and tensors, by torch.save){contents}", "pretrained"
        )
    return weights


def _unwrapped(state: Any) -> dict[str, Tensor] | None:
    """The state dict in what a file holds: as it is, or as the one entry of a training checkpoint
    that is called as state dicts are, without the prefix of `nn.DataParallel`. None where there is
    none, or several."""
    if not _is_state_dict(state):
        entries = [state.get(name) for name in _NESTED] if isinstance(state, dict) else []
        nested = [entry for entry in entries if _is_state_dict(entry)]
        if len(nested) != 1:
            return None
        [state] = nested
    wrapped = all(name.startswith(_PARALLEL) for name in state)
    return {name.removeprefix(_PARALLEL) if wrapped else name: v for name, v in state.items()}


def _is_state_dict(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and bool(value)
        and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in value.items())
    )


def unfit(source: str, name: str, reason: str) -> ConfigError:
    """The mistake of weights that are another network's, to be raised."""
    return ConfigError(f"{source} does not hold the weights of {name}: {reason}", "pretrained")


def _difference(state: dict[str, Tensor], wanted: dict[str, Tensor]) -> str:
    """Describes the first difference of two state dicts; empty where there is none."""
    # Weights that are older than PyTorch 0.4.1 lack BatchNorm's count, which is not used.
    missing = [k for k in wanted if k not in state and not k.endswith("num_batches_tracked")]
    if missing:
        return f"it lacks {missing[0]}" + _more(missing)
    surplus = [key for key in state if key not in wanted]
    if surplus:
        return f"it has {surplus[0]}" + _more(surplus) + " too many"
    for key, value in state.items():
        if value.shape != wanted[key].shape:
            return f"{key} is {_shape(value)}, not {_shape(wanted[key])}"
    return ""


def _more(keys: list[str]) -> str:
    return f" and {len(keys) - 1} more" if len(keys) > 1 else ""


def _shape(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "a number"

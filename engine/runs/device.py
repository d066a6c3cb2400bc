"""The device of a run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import torch

from utils.workers import is_launched

if TYPE_CHECKING:
    from engine.config import Config


def choose_device(config: Config) -> torch.device:
    """The device of this process: the only place where one is chosen. Of several processes on a
    machine, each takes a GPU of its own.

    Raises:
        ConfigError: the device that the cfg names is not there.
    """
    name, local_rank = config.run.device, int(os.environ.get("LOCAL_RANK", 0))
    if name.startswith("cuda:") and is_launched():
        raise config.error("device", f"each process takes a GPU of its own: give cuda, not {name}")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda":
        name = f"cuda:{local_rank}"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):
        each = " (each process takes one)" if local_rank else ""
        raise config.error("device", f"there is no device {name!r} here{each}") from None
    return device


def device_name(device: torch.device) -> str:
    """The name of a device for people: that of the GPU, or 'cpu'."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type

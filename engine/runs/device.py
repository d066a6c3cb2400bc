"""The device of a run."""

from __future__ import annotations

import os
import resource
import sys
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


def forget_peak_memory(device: torch.device) -> None:
    """Forgets the largest memory so far, where this can be done: of a GPU."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory(device: torch.device) -> int | None:
    """The largest memory so far in bytes: that of tensors on a GPU, or on a CPU that of this
    process, with whatever it did before. None where it is not known."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if device.type != "cpu":
        return None
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size if sys.platform == "darwin" else 1024 * size

"""The precision of what is computed from the numbers of a network."""

from __future__ import annotations

import torch
from torch import Tensor


def at_least_float32(tensor: Tensor) -> Tensor:
    """The tensor as float32: sums, losses and statistics are no less exact than that. A float64
    tensor stays as it is, so that a network in float64 has float64 losses and gradients."""
    return tensor if tensor.dtype == torch.float64 else tensor.float()


def exact_type(tensor: Tensor) -> torch.dtype:
    """The type of `at_least_float32(tensor)`."""
    return torch.float64 if tensor.dtype == torch.float64 else torch.float32

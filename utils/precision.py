"""The precision of losses and gradients: float32, or the network's where that is higher."""

from __future__ import annotations

import torch
from torch import Tensor


def at_least_float32(tensor: Tensor) -> Tensor:
    """The tensor as float32, or as it is where it is float64."""
    return tensor.to(exact_type(tensor))


def exact_type(tensor: Tensor) -> torch.dtype:
    """The type in which sums over a tensor are taken: float32, or float64 where the tensor is."""
    return torch.promote_types(tensor.dtype, torch.float32)

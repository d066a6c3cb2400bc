"""Numbers of the host, on a device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def tensor_on(device: torch.device, numbers: Sequence, dtype: torch.dtype | None = None) -> Tensor:
    """A tensor of numbers on a device, which is not waited for: `torch.tensor(…, device=…)` waits
    until a GPU has done all that it was given."""
    return torch.tensor(numbers, dtype=dtype).to(device, non_blocking=True)

"""Mixed precision where the device has it: bfloat16, or float16 with loss scaling."""

from __future__ import annotations

import contextlib

import torch


class Precision:
    """The precision of the forward passes on a device.

    With mixed precision a GPU computes in bfloat16 if it can, else in float16 with loss scaling. A
    CPU computes in bfloat16 if it has instructions for it, else in float32.

    Args:
        amp: whether mixed precision is wanted.
    """

    def __init__(self, device: torch.device, amp: bool):
        self.device = device
        self.dtype = _dtype(device) if amp else torch.float32
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.dtype == torch.float16)

    def autocast(self) -> contextlib.AbstractContextManager:
        """The context of a forward pass."""
        if self.dtype == torch.float32:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, self.dtype)

    def scale(self) -> float | torch.Tensor:
        """The factor of the losses before the backward pass; 1 without loss scaling."""
        if not self.scaler.is_enabled():
            return 1.0
        return self.scaler.scale(torch.ones((), device=self.device))

    @property
    def name(self) -> str:
        """The name of the data type, such as 'bfloat16'."""
        return str(self.dtype).removeprefix("torch.")


def _dtype(device: torch.device) -> torch.dtype:
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    if device.type == "cpu" and torch.cpu._is_avx512_bf16_supported():
        return torch.bfloat16
    return torch.float32

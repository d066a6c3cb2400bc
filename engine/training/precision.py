"""Mixed precision where the device has it: bfloat16, or float16 with loss scaling."""

from __future__ import annotations

import contextlib

import torch


class Precision:
    """What `amp = true` means on a device.

    A GPU computes in bfloat16 where it can, else in float16 with loss scaling; a CPU in bfloat16
    where it has instructions for it, else everything stays in float32.
    """

    def __init__(self, device: torch.device, amp: bool):
        self.device = device
        self.dtype = _dtype(device) if amp else torch.float32
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.dtype == torch.float16)

    def autocast(self) -> contextlib.AbstractContextManager:
        if self.dtype == torch.float32:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, self.dtype)

    def scale(self) -> float | torch.Tensor:
        """What losses are multiplied by before their gradients are taken; 1 without scaling."""
        if not self.scaler.is_enabled():
            return 1.0
        return self.scaler.scale(torch.ones((), device=self.device))

    @property
    def name(self) -> str:
        return str(self.dtype).removeprefix("torch.")


def _dtype(device: torch.device) -> torch.dtype:
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    if device.type == "cpu" and torch.cpu._is_avx512_bf16_supported():
        return torch.bfloat16
    return torch.float32

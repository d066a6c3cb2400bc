"""The light of a batch of images, changed on the device that trains."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from datasets.batch import Batch


def float_images(batch: Batch) -> Tensor:
    """(B, 3, H, W) float32, RGB in [0, 1], channels last in memory: the images with their
    photometric distortion, if they have one."""
    images = batch.images.float() / 255
    if batch.colours is not None:
        images = torch.einsum("bhwc,bdc->bhwd", images, batch.colours[:, :, :3])
        images = (images + batch.colours[:, None, None, :, 3]).clamp(0, 1)
    images = images.permute(0, 3, 1, 2)
    if batch.sharpness is not None:
        images = _sharpen(images, batch.sharpness.view(-1, 1, 1, 1))
    return images.contiguous(memory_format=torch.channels_last)


def _sharpen(images: Tensor, amount: Tensor) -> Tensor:
    """Adds `amount` times the difference between an image and its 3×3 average."""
    blurred = F.avg_pool2d(images, 3, stride=1, padding=1, count_include_pad=False)
    return (images + amount * (images - blurred)).clamp(0, 1)

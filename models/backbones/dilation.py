"""Dilated networks: finer features from the same weights."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn


def dilate(stages: Iterable[nn.Module]) -> None:
    """Removes the strides from `stages`, which follow one another, and dilates what comes behind
    each of them by as much (Yu & Koltun 2016). Every output that the strided stages had is among
    the new ones, unchanged. The stages are changed in place; their weights stay as they are."""
    dilation = 1
    for stage in stages:
        for layer in stage.modules():
            if not isinstance(layer, nn.Conv2d):
                continue
            stride = layer.stride[0]
            layer.stride = (1, 1)
            if layer.kernel_size == (1, 1):  # a shortcut, or a pointwise layer: nothing to dilate
                continue
            layer.padding = tuple(dilation * padding for padding in layer.padding)
            layer.dilation = (dilation, dilation)
            dilation *= stride

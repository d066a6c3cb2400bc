"""Backbones that are a sequence of stages, which can be dilated."""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from models.backbones.base import Backbone, check_size
from models.recomputation import recomputed

STRIDES = (8, 16, 32)


class StagedBackbone(Backbone):
    """A convolutional network whose features are the outputs of three of its stages, at strides 8,
    16 and 32.

    Args:
        name: the name in the registry.
        size: height and width of the images.
        output_stride: the stride of the last feature. For 16 or 8, the stages behind the feature of
            that stride are dilated instead of strided.
    """

    def __init__(
        self, name: str, size: tuple[int, int], output_stride: int | None = None, **options: str
    ):
        super().__init__(**options)
        self.name = name
        check_size(size)
        stages, self.taps = self.cut(name)
        self.stages = stages[: self.taps[-1] + 1]
        self.is_recomputed = False
        output_stride = output_stride or STRIDES[-1]
        self.strides = tuple(min(stride, output_stride) for stride in STRIDES)
        dilate(self.stages[self.taps[self.strides.index(output_stride)] + 1 :])
        self.channels = tuple(_output_channels(self.stages[tap]) for tap in self.taps)

    @abstractmethod
    def cut(self, name: str) -> tuple[nn.Sequential, Sequence[int]]:
        """Builds the library's classifier network, and loads the weights that are wanted into it.

        Returns:
            its stages, and the indices of the last ones at strides 8, 16 and 32.
        """

    def last_stage(self):
        return list(self.stages[self.taps[-2] + 1 :].parameters())

    def recompute(self):
        self.is_recomputed = True

    def forward(self, images: Tensor) -> list[Tensor]:
        maps, x = [], images
        if self.is_recomputed and torch.is_grad_enabled():
            for start, end in itertools.pairwise(self._cuts()):
                x = recomputed(self.stages[start:end], x)
                if end - 1 in self.taps:
                    maps.append(x)
            return maps
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index in self.taps:
                maps.append(x)
        return maps

    def _cuts(self) -> list[int]:
        """Where stages begin that can be computed again: with a convolution, or behind a feature.
        Others may change their input in place."""
        begins = [
            index
            for index, stage in enumerate(self.stages)
            if index - 1 in self.taps or any(isinstance(m, nn.Conv2d) for m in stage.modules())
        ]
        return [*begins, len(self.stages)]


def dilate(stages: Iterable[nn.Module]) -> None:
    """Removes the strides of consecutive stages, and dilates what follows each of them by as much
    (Yu and Koltun, ICLR 2016). Every output of the strided stages is among the new ones, unchanged.
    The stages are changed in place; their weights stay as they are."""
    dilation = 1
    for stage in stages:
        for layer in stage.modules():
            if not isinstance(layer, nn.Conv2d):
                continue
            stride = layer.stride[0]
            layer.stride = (1, 1)
            if layer.kernel_size == (1, 1):  # a shortcut or a pointwise layer: nothing to dilate
                continue
            layer.padding = tuple(dilation * padding for padding in layer.padding)
            layer.dilation = (dilation, dilation)
            dilation *= stride


def _output_channels(stage: nn.Module) -> int:
    """The channels of the last BatchNorm, which ends the stages of all these networks."""
    return [m.num_features for m in stage.modules() if isinstance(m, nn.BatchNorm2d)][-1]

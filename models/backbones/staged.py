"""Backbones that are a sequence of stages, which can be dilated."""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from models.backbones.base import DEFAULT_INDICES, Backbone, check_size
from models.backbones.segment import Segment, has_stride, output_channels
from models.recomputation import recomputed

STRIDES = (2, 4, 8, 16, 32)
"""Of the features that there are; by default a backbone gives the last three."""


class StagedBackbone(Backbone):
    """A convolutional network that has a feature at each of the strides 2, 4, 8, 16 and 32: what it
    has computed before it strides again.

    Args:
        name: the name in the registry.
        size: height and width of the images.
        output_stride: the stride of the last feature. For 16 or 8, the stages behind the feature of
            that stride are dilated instead of strided.
        out_indices: which features it gives, by their indices in `STRIDES`; None: the last three.
    """

    def __init__(
        self,
        name: str,
        size: tuple[int, int],
        output_stride: int | None = None,
        out_indices: Sequence[int] | None = None,
        **options: str,
    ):
        super().__init__(**options)
        self.name = name
        check_size(size)
        stages, last = self.cut(name)
        self.stages = stages[: last + 1]
        self.is_recomputed = False
        ends = self.ends = _ends(self.stages)
        output_stride = output_stride or STRIDES[-1]
        dilate(self.stages[ends[STRIDES.index(output_stride)] + 1 :])
        kept = DEFAULT_INDICES if out_indices is None else out_indices
        self.taps = tuple(ends[index] for index in kept)
        self.strides = tuple(min(STRIDES[index], output_stride) for index in kept)
        self.channels = tuple(output_channels(self.stages[: tap + 1]) for tap in self.taps)

    @abstractmethod
    def cut(self, name: str) -> tuple[nn.Sequential, int]:
        """Builds the library's classifier network, and loads the weights that are wanted into it.

        Returns:
            its stages, and the index of the last one that is no part of the classifier.
        """

    def last_stage(self):
        return list(self.stages[self.taps[-2] + 1 :].parameters())

    def segments(self):
        return [Segment(stages) for stages in self._cut_behind(self.taps)]

    def layers(self):
        return [list(stages.parameters()) for stages in self._cut_behind(self.ends)]

    def _cut_behind(self, indices: Sequence[int]) -> list[nn.Sequential]:
        bounds = itertools.pairwise((0, *(index + 1 for index in indices)))
        return [self.stages[start:end] for start, end in bounds]

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


def _ends(stages: nn.Sequential) -> list[int]:
    """The indices of the last stages before each stride but the first, and of the last stage."""
    strided = [index for index, stage in enumerate(stages) if has_stride(stage)]
    return [*(index - 1 for index in strided[1:]), len(stages) - 1]

"""The head that predicts boxes on the levels of a pyramid."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from models.heads.anchors import RATIOS, anchors
from models.layers import in_float32, start_at
from tasks.base import BoxHead, BoxPrediction

PRIOR = 0.01
"""The probability of a class at an anchor that a new head starts with."""

MakeLayers = Callable[[int], tuple[nn.Module, nn.Module]]
"""Builds the layers of a level for a number of outputs: those before the last one, and the last."""


class BoxesHead(nn.Module):
    """Predicts the offsets and the classes of boxes, with layers of its own for each level.

    Args:
        make_layers: builds a level's layers.
        strides: pixels a cell of each level, finest first.
        head: what is predicted.
    """

    def __init__(self, make_layers: MakeLayers, strides: tuple[int, ...], head: BoxHead):
        super().__init__()
        self.strides = strides
        self.boxes = nn.ModuleList(_Level(make_layers, 4) for _ in strides)
        self.labels = nn.ModuleList(_Level(make_layers, head.classes) for _ in strides)
        self._anchors: dict[tuple, Tensor] = {}

    def start(self) -> None:
        """Gives every class a low probability at first, since most anchors show none (RetinaNet,
        Lin et al. 2017, section 4.1)."""
        for level in self.labels:
            start_at(level.predict, math.log(PRIOR / (1 - PRIOR)))

    def forward(self, maps: tuple[Tensor, ...], size: tuple[int, int]) -> BoxPrediction:
        cells = tuple((level.shape[-2], level.shape[-1]) for level in maps)
        return BoxPrediction(
            torch.cat([head(x) for head, x in zip(self.labels, maps, strict=True)], dim=1),
            torch.cat([head(x) for head, x in zip(self.boxes, maps, strict=True)], dim=1),
            self._anchors_on(maps[0].device, size, cells),
            tuple(rows * columns * len(RATIOS) for rows, columns in cells),
            size,
        )

    def _anchors_on(self, device: torch.device, size: tuple, cells: tuple) -> Tensor:
        if torch.compiler.is_exporting():  # the size may be a symbol, and the tensor a stand-in
            return anchors(size, cells, self.strides).to(device)
        key = (device, size, cells)
        if key not in self._anchors:
            # A tensor made in inference mode could not be used for training later.
            with torch.inference_mode(False):
                self._anchors[key] = anchors(size, cells, self.strides).to(device)
        return self._anchors[key]


class _Level(nn.Module):
    """Predicts `numbers` for each anchor of one level: (B, C, h, w) → (B, h·w·3, numbers)."""

    def __init__(self, make_layers: MakeLayers, numbers: int):
        super().__init__()
        self.numbers = numbers
        self.mix, self.predict = make_layers(len(RATIOS) * numbers)

    def forward(self, x: Tensor) -> Tensor:
        prediction = in_float32(self.predict, self.mix(x))
        images, _, rows, columns = prediction.shape
        anchors = rows * columns * len(RATIOS)  # spelt out, for a share of the batch without images
        return prediction.permute(0, 2, 3, 1).reshape(images, anchors, self.numbers)

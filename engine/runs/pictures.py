"""Pictures of predictions: test images with the truth and the prediction of each task."""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn

from datasets.formats.images import PADDING
from datasets.merge import MultiTaskDataset
from datasets.photometric import float_images
from tasks import Task
from utils.canvas import without_padding

_IMAGES = 8
_GAP = 4

NO_LABEL = 200
"""The grey of a picture where an image has no label."""


@torch.no_grad()
def draw_results(
    network: nn.Module, data: MultiTaskDataset, device: torch.device, folder: Path
) -> None:
    """Writes `<n>.png` for some test images, evenly taken: the image, and for each task the truth
    above the prediction; grey where an image has no label. Padding is not shown."""
    folder.mkdir(exist_ok=True)
    network.eval()
    chosen = np.linspace(0, len(data) - 1, min(_IMAGES, len(data))).round().astype(int)
    for number, index in enumerate(chosen):
        item = data[0, int(index)]
        batch = data.collate([item]).to(device)
        predictions = network(float_images(batch))
        decoded = {
            task.name: task.decode(task.within(predictions[task.name], batch.shown))[0]
            for task in data.tasks
        }
        picture = _picture(data.tasks, item, decoded)
        path = folder / f"{number}.png"
        if not cv2.imwrite(str(path), picture[..., ::-1]):
            raise OSError(errno.EIO, "the picture cannot be written", str(path))


def _picture(
    tasks: Sequence[Task], item: Mapping[str, Any], decoded: Mapping[str, np.ndarray]
) -> np.ndarray:
    """The picture of an item of a dataset, and of its decoded predictions by task name."""
    part = without_padding(item["shown"])
    image = part.image(item["image"], PADDING)
    columns = [_column(image, np.full_like(image, 255))]
    for task in tasks:
        truth = np.full_like(image, NO_LABEL)
        if item["labelled"][task.name]:
            truth = task.draw(image, task.warp(item["targets"][task.name], part))
        guess = task.draw(image, task.warp(task.confident(decoded[task.name]), part))
        columns.append(_column(truth, guess))
    gap = np.full((columns[0].shape[0], _GAP, 3), 255, np.uint8)
    return np.concatenate([part for column in columns for part in (column, gap)][:-1], axis=1)


def _column(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    gap = np.full((_GAP, above.shape[1], 3), 255, np.uint8)
    return np.concatenate([above, gap, below], axis=0)

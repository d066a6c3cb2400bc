"""Pictures of predictions: test images with the truth and the prediction of each task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
import torch
from torch import nn

from datasets.formats.images import PADDING
from datasets.merge import MultiTaskDataset
from datasets.photometric import float_images
from engine.runs.folder import RunFolder
from engine.runs.sheet import display_warp, grid, tile
from tasks import Task
from tasks.legend import Scale, Swatches
from utils.canvas import without_padding
from utils.geometry import Warp

if TYPE_CHECKING:
    from tensorboard.compat.proto.summary_pb2 import Summary

_IMAGES = 8

NO_LABEL = 200
"""The grey of a picture where an image has no label."""


class Panel(NamedTuple):
    """A picture of a sheet.

    Attributes:
        task: None for the image itself.
        kind: 'image', 'truth' or 'prediction'.
        labelled: whether there is such a truth.
    """

    task: Task | None
    kind: str
    picture: np.ndarray
    legend: Swatches | Scale | None = None
    labelled: bool = True

    @property
    def file_name(self) -> str:
        if self.task is None:
            return f"{self.kind}.png"
        return f"{self.task.file_name}_{self.kind}.png"

    @property
    def tile(self) -> np.ndarray:
        title = self.kind if self.task is None else f"{self.task.name}: {self.kind}"
        if not self.labelled:
            title += ", no label"
        return tile(title, self.picture, self.legend)


@torch.no_grad()
def draw_results(
    network: nn.Module, data: MultiTaskDataset, device: torch.device, folder: RunFolder, step: int
) -> None:
    """Draws some test images, evenly taken, into `pictures/` of a run's folder: `<n>.png` has the
    image, and for each task the truth above the prediction, with titles and legends; grey where the
    image has no label. `<n>/` has each of these pictures alone. Padding is not shown, and small
    images are enlarged. The sheets are in TensorBoard too, at `step`."""
    from torch.utils.tensorboard import SummaryWriter  # 1 s, which --help need not wait for

    network.eval()
    chosen = np.linspace(0, len(data) - 1, min(_IMAGES, len(data))).round().astype(int)
    with SummaryWriter(str(folder.events)) as events:
        for number, index in enumerate(chosen):
            panels = list(_panels(network, data, device, int(index)))
            sheet = grid(_columns([panel.tile for panel in panels]))
            png = _write(folder.pictures / f"{number}.png", sheet)
            for panel in panels:
                _write(folder.pictures / str(number) / panel.file_name, panel.picture)
            events.file_writer.add_summary(_summary(f"pictures/{number}", sheet, png), step)


def _panels(
    network: nn.Module, data: MultiTaskDataset, device: torch.device, index: int
) -> Iterator[Panel]:
    """The image of an item, then the truth and the prediction of each task."""
    item = data[0, index]
    batch = data.collate([item]).to(device)
    predictions = network(float_images(batch))
    part = without_padding(item["shown"])
    warp = display_warp(part.size)
    image = warp.image(part.image(item["image"], PADDING), PADDING)
    yield Panel(None, "image", image)
    for task in data.tasks:
        whole = Warp.resize(data.label_size, data.size)
        yield _truth(task, item, (whole, part, warp), image)
        prediction = task.at_size(predictions[task.name], data.size)
        [decoded] = task.decode_at(prediction, batch.shown, [warp.size])
        decoded = task.confident(decoded)
        yield Panel(task, "prediction", task.draw(image, decoded), task.legend(decoded))


def _truth(task: Task, item: Mapping[str, Any], warps: Sequence[Warp], image: np.ndarray) -> Panel:
    if not item["labelled"][task.name]:
        return Panel(task, "truth", np.full_like(image, NO_LABEL), labelled=False)
    target = item["targets"][task.name]
    for warp in warps:
        target = task.warp(target, warp)
    return Panel(task, "truth", task.draw(image, target), task.legend(target))


def _columns(tiles: list[np.ndarray]) -> list[list[np.ndarray]]:
    """Two rows: the image and the truths; below them the predictions."""
    image, *others = tiles
    return [[image, *others[0::2]], [np.full_like(image, 255), *others[1::2]]]


def _write(path: Path, picture: np.ndarray) -> bytes:
    """Writes a picture as PNG, and returns the content of the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    png = cv2.imencode(".png", picture[..., ::-1])[1].tobytes()
    path.write_bytes(png)
    return png


def _summary(tag: str, picture: np.ndarray, png: bytes) -> Summary:
    """TensorBoard's event of a picture that is a PNG already: to make another takes longer than to
    draw the picture."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    height, width, channels = picture.shape
    image = Summary.Image(height=height, width=width, colorspace=channels, encoded_image_string=png)
    return Summary(value=[Summary.Value(tag=tag, image=image)])

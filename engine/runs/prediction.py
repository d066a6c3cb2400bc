"""A network on images that no dataset lists: from pixels to answers at the size of each image."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from models import Network
from models.normalisation import Normalisation
from tasks import Task
from utils.canvas import Canvas
from utils.errors import DataError


class NetworkInput(NamedTuple):
    """An image as a network takes it.

    Attributes:
        pixels: (h, w, 3) uint8 RGB, of the network's size.
        shown: x1, y1, x2, y2: the pixels, on edges, beyond which there is only padding.
        size: (height, width) of the image itself.
    """

    pixels: np.ndarray
    shown: tuple[int, int, int, int]
    size: tuple[int, int]


def predict(network: Network, tasks: Sequence[Task], image: np.ndarray) -> dict[str, np.ndarray]:
    """What a network says of an image.

        network, tasks = open_network("runs/…/best.pt")
        prediction = predict(network, tasks, image)

    Args:
        network, tasks: of :func:`engine.open_network`.
        image: (H, W, 3) uint8 RGB, of any size.

    Returns:
        by the name of each task, an array at the size of the image. Segmentation: (H, W) uint8
        numbers of the task's `classes`. Depth: (H, W) float32 metres. Normals: (H, W, 3) float32
        unit vectors. Detection: (N, 7) float32, best first: x1, y1, x2, y2 in pixels on edges, the
        number of the class, 0, and the score in [0, 1]; all from 0.01 on. Other tasks: what
        `Task.decode` gives.

    Raises:
        DataError: `image` is no such array.
    """
    return predict_batch(network, tasks, [InputForm.of(network).input(image)])[0]


class InputForm(NamedTuple):
    """How images come to the form that a network takes.

    Attributes:
        size: (height, width) of the network's input.
        aspect: how images come to that size: 'stretch', 'keep' or 'pad'; see `Canvas.of`.
        padding: the colour of the padding, RGB in 0 to 255.
    """

    size: tuple[int, int]
    aspect: str
    padding: tuple[int, int, int]

    @classmethod
    def of(cls, network: Network) -> InputForm:
        """The form of a network of :func:`engine.open_network`."""
        mean = Normalisation(network.mean.flatten().tolist(), network.std.flatten().tolist())
        return cls(network.size, network.aspect, mean.padding)

    def input(self, image: np.ndarray) -> NetworkInput:
        """An image in this form.

        Raises:
            DataError: it is not (H, W, 3) uint8, or has no pixel.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise DataError(
                f"an image is an array (H, W, 3) of uint8, RGB, not {image.shape} of {image.dtype}"
            )
        shape = image.shape[:2]
        warp = Canvas.of(shape, self.size, self.aspect).resize(self.size)
        return NetworkInput(warp.image(image, self.padding), warp.shown(shape), tuple(shape))


@torch.inference_mode()
def predict_batch(
    network: Network,
    tasks: Sequence[Task],
    inputs: Sequence[NetworkInput],
    autocast: contextlib.AbstractContextManager | None = None,
) -> list[dict[str, np.ndarray]]:
    """The answers of :func:`predict` for images of any sizes, computed together.

    Args:
        autocast: the context of the forward pass, for mixed precision.
    """
    pixels = torch.from_numpy(np.stack([item.pixels for item in inputs]))
    images = pixels.to(network.mean.device, non_blocking=True).float() / 255
    with autocast or contextlib.nullcontext():
        # Channels last in memory, as the pixels are: nothing is copied.
        predictions = network(images.permute(0, 3, 1, 2))
    shown = torch.tensor([item.shown for item in inputs])
    sizes = [item.size for item in inputs]
    decoded = {}
    for task in tasks:
        prediction = task.at_size(predictions[task.name], images.shape[1:3])
        decoded[task.name] = task.decode_at(prediction, shown, sizes)
    return [{name: arrays[k] for name, arrays in decoded.items()} for k in range(len(inputs))]

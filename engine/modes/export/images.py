"""The images that an exported file and its network are compared on."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from datasets.formats.images import read_image
from engine.runs.data import data_folder
from engine.runs.datasets import read_split
from engine.runs.prediction import InputForm
from models import Network
from utils.errors import UserError
from utils.text import count_of

if TYPE_CHECKING:
    from engine.config import Config

_IMAGES = 3


def comparison_images(
    config: Config, network: Network, other_size: tuple[int, int] | None
) -> tuple[dict[str, Tensor], str]:
    """Batches of images as the network takes them, by what they are: random ones, random ones of
    another size if there is one, and images of the cfg's test set. Where these cannot be read, the
    second value says why, in words; else it is empty."""
    generator = torch.Generator().manual_seed(0)
    random = torch.rand(_IMAGES, 3, *network.size, generator=generator)
    batches = {f"{_IMAGES} random images": random}
    if other_size:
        name = f"a random image of {other_size[0]} × {other_size[1]}"
        batches[name] = torch.rand(1, 3, *other_size, generator=generator)
    try:
        images = _test_images(config, network)
    except UserError as reason:
        return batches, str(reason)
    batches[f"{count_of(len(images), 'test image')}"] = images
    return batches, ""


def _test_images(config: Config, network: Network) -> Tensor:
    """(B, 3, H, W) the first image of the test set, the last and one between, as the network takes
    them.

    Raises:
        UserError: the images are not there, or cannot be read.
    """
    splits = [
        read_split(config, choice, data_folder(config), "test")
        for choice in config.data.test_dataset or config.data.train_dataset
    ]
    count = sum(len(split.samples) for split in splits)
    chosen = {round(place) for place in np.linspace(0, count - 1, _IMAGES)}
    paths = enumerate(chain.from_iterable(split.samples.images() for split in splits))
    form = InputForm.of(network)
    images = [form.input(read_image(path)).pixels for number, path in paths if number in chosen]
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255

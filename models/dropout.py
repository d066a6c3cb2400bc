"""Dropout whose random numbers belong to a place, not to a moment."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from utils.seeds import seed_of


class Place(NamedTuple):
    """Where in a training a forward pass stands. What a layer draws there is a function of the
    place and of the layer's name: it is the same in a forward pass that is done again, after a
    resume, and for the images of a batch that is split into smaller ones or among processes."""

    seed: int
    """Of the run."""
    step: int
    forward_pass: int
    """The number of the forward pass in the step, from 0."""
    images: range
    """The images at hand, by their indices in the whole batch."""
    batch_size: int
    """The number of images of the whole batch."""


class Masks:
    """What the dropout layers of a network draw.

    Attributes:
        place: of the forward passes from now on. None: masks come from PyTorch's own generators,
            another one at every call.
    """

    def __init__(self):
        self.place: Place | None = None

    def draw(self, layer: str, x: Tensor, shape: tuple[int, ...], keep: float) -> Tensor:
        """Draws ones with probability `keep`, else zeros.

        A mask is drawn for the whole batch, and cut down to the images at hand. A tensor that has
        not as many rows as there are images (a table of positions, for instance) is taken to be
        the same for all images, and has a mask of its shape.

        Args:
            layer: the name of the layer, which is called once in a forward pass.
            x: what the mask is for: the device and the type are its.
            shape: of the mask.
            keep: the probability.
        """
        if self.place is None:
            return x.new_empty(shape).bernoulli_(keep)
        seed, step, forward_pass, images, batch_size = self.place
        generator = torch.Generator(x.device)
        generator.manual_seed(seed_of(seed, step, forward_pass, layer))
        if len(x) != len(images):
            return x.new_empty(shape).bernoulli_(keep, generator=generator)
        whole = x.new_empty(batch_size, *shape[1:]).bernoulli_(keep, generator=generator)
        return whole[images.start : images.stop]


class Dropout(nn.Module):
    """Zeroes numbers with probability `p` in training, and divides those that are kept by 1 - p.

    Args:
        p: the probability.
        dims: the leading dimensions of the mask; numbers that differ in the other dimensions only
            are kept or zeroed together. 1: all numbers of an image (stochastic depth, Huang et al.,
            ECCV 2016); 2: those of a channel (`nn.Dropout2d`); None: each by itself (`nn.Dropout`).

    Attributes:
        name: of the layer in its network.
        masks: those of its network.
    """

    def __init__(self, p: float, dims: int | None = None):
        super().__init__()
        self.p, self.dims = p, dims
        self.name, self.masks = "", Masks()

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        dims, keep = self.dims or x.dim(), 1 - self.p
        mask = self.masks.draw(self.name, x, (*x.shape[:dims], *[1] * (x.dim() - dims)), keep)
        return x * mask.div_(keep or 1)


# The `dims` of the layer of ours that takes the place of a layer of PyTorch, torchvision or timm,
# by its class: a name, as these packages take long to import.
_DIMS = {
    "Dropout": None,
    "Dropout1d": 2,
    "Dropout2d": 2,
    "Dropout3d": 2,
    "StochasticDepth": 1,
    "DropPath": 1,
}


def replace_dropout(network: nn.Module) -> Masks:
    """Puts a `Dropout` in the place of every dropout layer of a network, whatever package it is
    from. The names of parameters stay as they are.

    Returns:
        the masks of all of them.
    """
    masks = Masks()
    for name, layer in list(network.named_modules(remove_duplicate=False)):
        class_name = type(layer).__name__
        if not isinstance(layer, Dropout):
            if class_name not in _DIMS:
                continue
            p = layer.drop_prob if class_name == "DropPath" else layer.p
            layer = Dropout(p, _DIMS[class_name])
            network.set_submodule(name, layer)
        layer.name, layer.masks = name, masks
    return masks

"""Dropout, and other layers that draw, whose random numbers belong to a place, not to a moment."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
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
    progress: float = 0.0
    """The share of the training that is done, in [0, 1]."""


class Masks:
    """What the layers of a network that draw are given.

    Attributes:
        place: of the forward passes from now on. None: masks come from PyTorch's own generators,
            another one at every call.
    """

    def __init__(self):
        self.place: Place | None = None

    def draw(
        self, layer: str, x: Tensor, shape: tuple[int, ...], keep: float, rows: int = 1
    ) -> Tensor:
        """Draws ones with probability `keep`, else zeros; the same ones and zeros for every type.

        A mask is drawn for the whole batch, and cut down to the images at hand. What is the same
        for all images has the same mask for all of them. Without images nothing is dropped: what
        stands in for them keeps its shape.

        Args:
            layer: the name of the layer, which is called once in a forward pass.
            x: what the mask is for: the device and the type are its.
            shape: of the mask.
            keep: the probability.
            rows: of `x` to an image; 0: `x` is the same for all images.
        """
        if self.place is None:
            return _ones_and_zeros(shape, keep, None, like=x)
        seed, step, forward_pass, images, batch_size, _ = self.place
        if not images:
            return x.new_ones(shape)
        generator = torch.Generator(x.device)
        generator.manual_seed(seed_of(seed, step, forward_pass, layer))
        if rows == 0 or len(images) == batch_size:
            return _ones_and_zeros(shape, keep, generator, like=x)
        whole = _ones_and_zeros((batch_size * rows, *shape[1:]), keep, generator, like=x)
        return whole[images.start * rows : images.stop * rows]

    def uniform(self, layer: str, like: Tensor) -> Tensor:
        """Draws float32 numbers in [0, 1), of the shape of `like`, which are the same for all
        images.

        Args:
            layer: the name of the layer, which is called once in a forward pass.
        """
        generator = None
        if self.place is not None:
            seed, step, forward_pass, *_ = self.place
            generator = torch.Generator(like.device)
            generator.manual_seed(seed_of(seed, step, forward_pass, layer))
        numbers = torch.empty(like.shape, dtype=torch.float32, device=like.device)
        return numbers.uniform_(generator=generator)


def _ones_and_zeros(
    shape: tuple[int, ...], keep: float, generator: torch.Generator | None, like: Tensor
) -> Tensor:
    # In float32: PyTorch draws other numbers for other types.
    drawn = torch.empty(shape, dtype=torch.float32, device=like.device)
    return drawn.bernoulli_(keep, generator=generator).to(like.dtype)


class DrawingLayer(nn.Module):
    """A layer that draws.

    Attributes:
        name: of the layer in its network.
        masks: those of its network.
    """

    def __init__(self):
        super().__init__()
        self.name, self.masks = "", Masks()


class Dropout(DrawingLayer):
    """Zeroes numbers with probability `p` in training, and divides those that are kept by 1 - p.

    Args:
        p: the probability.
        dims: the leading dimensions of the mask; numbers that differ in the other dimensions only
            are kept or zeroed together. 1: all numbers of an image (stochastic depth, Huang et al.,
            ECCV 2016); 2: those of a channel (`nn.Dropout2d`); None: each by itself (`nn.Dropout`).
        rows: of the input to an image; 0: the input is the same for all images (a table of
            positions, for instance).
    """

    def __init__(self, p: float, dims: int | None = None, rows: int = 1):
        super().__init__()
        self.p, self.dims, self.rows = p, dims, rows

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        dims, keep = self.dims or x.dim(), 1 - self.p
        shape = (*x.shape[:dims], *[1] * (x.dim() - dims))
        return x * self.masks.draw(self.name, x, shape, keep, self.rows).div_(keep or 1)


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


def replace_dropout(network: nn.Module, rows: Mapping[str, int] | None = None) -> Masks:
    """Puts a `Dropout` in the place of every dropout layer of a network, whatever package it is
    from, and gives every layer that draws its name. The names of parameters stay as they are.

    Args:
        network: is changed.
        rows: of the input to an image, by the layer's name, where it is not 1.

    Returns:
        the masks of all of them.
    """
    masks = Masks()
    for name, layer in list(network.named_modules(remove_duplicate=False)):
        class_name = type(layer).__name__
        if not isinstance(layer, DrawingLayer):
            if class_name not in _DIMS:
                continue
            layer = Dropout(_probability(layer), _DIMS[class_name], (rows or {}).get(name, 1))
            network.set_submodule(name, layer)
        layer.name, layer.masks = name, masks
    return masks


def input_rows(network: nn.Module, size: tuple[int, int]) -> dict[str, int]:
    """How many rows the inputs of the dropout layers of a foreign network have to an image, by the
    layer's name; 0: the input does not come from the images. Of layers that drop nothing nothing is
    said.

    Args:
        network: without memory (on the device "meta").
        size: height and width of its images in pixels.
    """
    layers = {
        name: layer
        for name, layer in network.named_modules()
        if type(layer).__name__ in _DIMS and _probability(layer)
    }
    rows: dict[str, int] = {}
    for name, layer in layers.items():
        layer.register_forward_pre_hook(partial(_note_rows, rows, name))
    if layers:
        with torch.no_grad():
            network.eval()(torch.empty(_MANY_IMAGES, 3, *size, device="meta"))
    return rows


_MANY_IMAGES = 1009
"""A prime number, and more images than a table of positions has rows."""


def _note_rows(rows: dict[str, int], name: str, layer: nn.Module, inputs: tuple[Tensor]) -> None:
    length = len(inputs[0])
    rows[name] = 0 if length % _MANY_IMAGES else length // _MANY_IMAGES


def _probability(layer: nn.Module) -> float:
    return layer.drop_prob if type(layer).__name__ == "DropPath" else layer.p

"""Rules that need the whole matrix of the gradients: their update, from what each process has."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from losses.flat_gradients import Pieces
from utils.ranks import Ranks


class Columns(NamedTuple):
    """Which numbers of the whole batch's gradients are at hand."""

    numbers: range
    length: int
    """How many there are in all."""


class Place(Protocol):
    """Which images of a batch are at hand: `models.dropout.Place`, for instance."""

    images: range
    batch_size: int


Combine = Callable[[Sequence[Tensor]], Tensor]
"""T rows of the whole batch's gradients -> the update, as many numbers."""


def update_of_rows(combine: Combine, rows: Sequence[Tensor], ranks: Ranks) -> Tensor:
    """All numbers of the update, the same on all processes.

    Args:
        combine: the rule.
        rows: T rows, what this process adds to the gradients; they are overwritten.
    """
    ranks.sum_gradients(rows)
    return combine(rows)


def update_of_maps(
    combine: Combine, rows: Sequence[Pieces], maps: Sequence[Columns], ranks: Ranks
) -> Pieces:
    """The update from gradients at feature maps, of which each process has those of its images.

    Args:
        combine: the rule.
        rows: of each task, a piece a map.
        maps: of each map, which numbers of the whole batch's the pieces hold.

    Returns:
        the pieces of this process.
    """
    return cut(update_of_rows(combine, placed(rows, maps), ranks), maps)


def placed(rows: Sequence[Pieces], maps: Sequence[Columns]) -> list[Tensor]:
    """T rows of the numbers of the whole batch's maps, with the pieces at their places and zeros at
    the others; the arguments are those of :func:`update_of_maps`."""
    return [
        torch.cat([_placed(p, columns) for p, columns in zip(row, maps, strict=True)])
        for row in rows
    ]


def cut(update: Tensor, maps: Sequence[Columns]) -> Pieces:
    """The pieces of an update of the whole batch's maps that are at hand."""
    parts = update.split([columns.length for columns in maps])
    return [
        part[columns.numbers.start : columns.numbers.stop]
        for part, columns in zip(parts, maps, strict=True)
    ]


def map_columns(feature: Tensor, place: Place | None) -> Columns:
    """Which numbers of the whole batch's map those of a feature map (B, …) are.

    Args:
        place: which images the map is of; None: of all images of the batch.
    """
    if place is None:
        return Columns(range(feature.numel()), feature.numel())
    each = math.prod(feature.shape[1:])
    images = place.images
    return Columns(range(images.start * each, images.stop * each), place.batch_size * each)


def _placed(piece: Tensor, columns: Columns) -> Tensor:
    """The numbers at their places among those of the whole batch, with zeros at the others."""
    row = piece.new_zeros(columns.length)
    row[columns.numbers.start : columns.numbers.stop] = piece
    return row

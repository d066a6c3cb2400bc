"""Rules that are no weighted sum: their update, from gradients that several processes have."""

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


Combine = Callable[[Sequence[Tensor], Columns], Tensor]
"""T tensors of numbers, and which of the whole batch's they are -> the update, as many numbers."""


def update_of_row(
    combine: Combine, whole: bool, rows: Sequence[Tensor], length: int, ranks: Ranks
) -> Tensor:
    """The update from gradients at parameters.

    Args:
        combine: the rule.
        whole: whether the rule needs all numbers at once.
        rows: T tensors: for such a rule what this process adds to the gradients, which is
            overwritten; for others its slice of the gradients.
        length: the numbers of the whole gradients.

    Returns:
        all numbers of the update, the same on all processes.
    """
    if whole:
        ranks.sum_gradients(rows)
        return combine(rows, Columns(range(length), length))
    part = combine(rows, Columns(ranks.columns(length), length))
    return ranks.joined(part, length)


def update_of_maps(
    combine: Combine, whole: bool, rows: Sequence[Pieces], maps: Sequence[Columns], ranks: Ranks
) -> Pieces:
    """The update from gradients at feature maps, of which each process has those of its images.

    Args:
        combine: the rule.
        whole: whether the rule needs all numbers at once.
        rows: of each task, a piece a map.
        maps: of each map, which numbers of the whole batch's the pieces hold.

    Returns:
        the pieces of this process.
    """
    if not whole:
        pieces = zip(*rows, strict=True)
        return [combine(list(p), columns) for p, columns in zip(pieces, maps, strict=True)]
    rows = placed(rows, maps)
    return cut(update_of_row(combine, True, rows, rows[0].numel(), ranks), maps)


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

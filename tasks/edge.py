"""Edges: whether every pixel is on the boundary of an object."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import BrokenExecutor
from functools import partial

import numpy as np
import torch
from torch.nn import functional as F

from tasks.base import DenseHead, Measurement, Meter, select_labelled
from tasks.binary import VOID, BinaryTask
from tasks.boundaries.counting import THRESHOLDS, BoundaryImage, f_measures
from utils.errors import DataError
from utils.option import option
from utils.pool import free_cores, pool
from utils.precision import at_least_float32

_EDGE_WEIGHT = 0.95
_A_PROCESS = 4
"""Images: fewer are not worth another process."""


class Edge(BinaryTask):
    """Target: (H, W) uint8: 1 edge, 0 none, 255 void; edges are one pixel wide. Prediction:
    (B, 1, H, W) logits.

    Accuracy: odsF, the F-measure of the boundaries at the best of the thresholds 0.01, 0.02, …
    0.99, which is one for all images, as in Martin, Fowlkes and Malik, "Learning to Detect Natural
    Image Boundaries" (PAMI 2004). What reaches a threshold is thinned to one pixel's width. Its
    pixels and those of the truth are paired, no farther apart than a share of the diagonal of what
    an image shows: the precision is the share of its pixels in a pair, the recall that of the true
    ones. The nearest pixels are paired first. A test finds the best threshold so, and then the
    largest number of pairs there and at the two thresholds beside it.
    """

    task_type = "edge"
    aliases = ("edges",)
    unit = "logits of an edge"
    loss_name = "weighted cross entropy, ω = 0.95"
    accuracy = "odsF"
    metrics = {"odsF": 1, "loss": -1}
    selection = ("odsF",)
    is_tested_twice = True

    edge_tolerance: float = option(
        0.0075,
        "how far a predicted edge may be from the true one, as a share of the image's diagonal",
        above=0,
        at_most=0.05,
    )

    @property
    def head(self):
        return DenseHead(1)

    def probability(self, prediction):
        return at_least_float32(prediction[:, 0]).sigmoid()

    def criterion(self, prediction, target, labelled):
        """w y (-log σ) + (1 - w) (1 - y) (-log(1 - σ)) with w = 0.95, summed over the pixels that
        are not void; as in Xie and Tu, "Holistically-Nested Edge Detection" (ICCV 2015), with one w
        for all images."""
        target = select_labelled(target, labelled)
        logits = at_least_float32(select_labelled(prediction, labelled)[:, 0])
        edge = _EDGE_WEIGHT * F.softplus(-logits)
        none = (1 - _EDGE_WEIGHT) * F.softplus(logits)
        valid = target != VOID
        total = torch.where(valid, torch.where(target == 1, edge, none), 0.0).sum()
        return total, valid.sum().to(total)

    def meter(self):
        return _Agreement(self)

    def finish(self, meters: Sequence[_Agreement], whole: _Agreement | None = None):
        if not meters:
            return
        count = sum(len(meter.images) for meter in meters)
        processes = max(1, min(free_cores(), count // _A_PROCESS))
        try:
            with pool(processes) as run:
                if whole is None:
                    _count(meters, run)
                else:
                    _count_exactly(meters, whole.best_thresholds(), run)
        except BrokenExecutor:
            raise DataError(
                "a process that compared edges was ended from outside (too little memory?)"
            ) from None

    def constant(self, targets):
        """The probability that has the least loss."""
        if not targets:
            return None
        edge, none = (sum(np.count_nonzero(t == number) for t in targets) for number in (1, 0))
        odds = _EDGE_WEIGHT * max(edge, 1) / ((1 - _EDGE_WEIGHT) * max(none, 1))
        return torch.tensor([np.log(odds)], dtype=torch.float32)


class _Agreement(Meter):
    """How many pixels of the boundaries agree, at every threshold, and the sum of the loss.

    Attributes:
        images: what is compared; they stay in the process that predicted them.
        counted: how many of them are in `counts`.
        counts: (3, THRESHOLDS), see `BoundaryImage.count`.
        exact: likewise at the best thresholds, with the largest numbers of pairs; None before they
            are counted.
    """

    def __init__(self, task: Edge):
        self.task = task
        self.loss = torch.zeros(2, dtype=torch.float64)
        self.images: list[BoundaryImage] = []
        self.counts = np.zeros((3, THRESHOLDS), np.int64)
        self.exact: np.ndarray | None = None
        self.counted = 0

    def __getstate__(self):
        return vars(self) | {"images": [], "counted": 0}

    def update(self, prediction, target, labelled):
        sums = self.task.criterion(prediction, target, labelled)
        self.loss += torch.stack(sums).detach().cpu()
        probability = self.task.probability(select_labelled(prediction, labelled)).double()
        thresholds = torch.arange(1, THRESHOLDS + 1, dtype=torch.float64) / (THRESHOLDS + 1)
        levels = torch.searchsorted(
            thresholds.to(probability.device), probability.nan_to_num(0), right=True
        )
        levels, truth = (
            tensor.to(torch.uint8).cpu().numpy()
            for tensor in (levels, select_labelled(target, labelled))
        )
        for pair in zip(levels, truth, strict=True):
            if self.task.usable(pair[1]):
                self.images.append(BoundaryImage.of(*pair))

    def merge(self, other):
        self.loss += other.loss
        self.counts += other.counts
        if other.exact is not None:
            self.exact = other.exact + (0 if self.exact is None else self.exact)
        self.images += other.images[other.counted :]

    def compute(self):
        _count([self], map)
        total, pixels = self.loss.tolist()
        if not pixels:
            return Measurement(dict.fromkeys(Edge.metrics, float("nan")))
        scores = f_measures(self.counts if self.exact is None else self.exact)
        return Measurement({"odsF": scores.max().item(), "loss": total / pixels})

    def best_thresholds(self) -> range:
        """The best threshold, from 1 on, and those beside it."""
        best = int(f_measures(self.counts).argmax()) + 1
        return range(max(1, best - 1), min(THRESHOLDS, best + 1) + 1)


def _count(meters: Sequence[_Agreement], run: Callable[[Callable, list], Iterable]) -> None:
    """Counts what is not counted yet. `run` is `map`, or that of a pool."""
    waiting = [(meter, image) for meter in meters for image in meter.images[meter.counted :]]
    count = partial(_counts, meters[0].task.edge_tolerance, range(1, THRESHOLDS + 1), False)
    for (meter, _), counts in zip(waiting, run(count, [i for _, i in waiting]), strict=True):
        meter.counts += counts
    for meter in meters:
        meter.counted = len(meter.images)


def _count_exactly(meters: Sequence[_Agreement], thresholds: range, run) -> None:
    """The same of all images, with the largest numbers of pairs."""
    images = [(meter, image) for meter in meters for image in meter.images]
    count = partial(_counts, meters[0].task.edge_tolerance, thresholds, True)
    for meter in meters:
        meter.exact = np.zeros((3, len(thresholds)), np.int64)
    for (meter, _), counts in zip(images, run(count, [i for _, i in images]), strict=True):
        meter.exact += counts


def _counts(tolerance: float, thresholds: range, exact: bool, image: BoundaryImage) -> np.ndarray:
    return image.count(tolerance, thresholds, exact)

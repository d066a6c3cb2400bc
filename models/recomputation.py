"""Activations that are computed again in the backward pass, which saves their memory."""

from __future__ import annotations

import contextlib
import itertools

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from models.batch_norm import running_statistics_kept


def recomputed(stage: nn.Module, x: Tensor) -> Tensor:
    """The output of a stage whose activations are not kept. Every backward pass through the stage
    computes them again, with the same dropout masks, as long as the network's place is the same,
    and without a change of running statistics."""
    runs = itertools.count()

    def run(x: Tensor) -> Tensor:
        with running_statistics_kept(stage) if next(runs) else contextlib.nullcontext():
            return stage(x)

    return checkpoint(run, x, use_reentrant=False)

"""Gradients brought to one length, or nearer to it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from losses.gradient.base import Aggregator
from losses.gradient.gramian import rule
from utils.option import option

REFERENCES = {
    "rss": lambda norms: np.sqrt(np.square(norms).sum()),
    "max": np.max,
    "mean": np.mean,
    "min": np.min,
}


def balanced(norms: np.ndarray, power: float, reference: str) -> np.ndarray:
    """The weights (S / ‖g_t‖)^p from the norms; a norm of zero has the weight 1."""
    used = norms > 0
    weights = np.ones_like(norms)
    if used.any():
        weights[used] = (REFERENCES[reference](norms[used]) / norms[used]) ** power
    return weights


@rule
def norm_balance(
    gramian: np.ndarray, eps: float, power: float = 1.0, reference: str = "mean"
) -> np.ndarray:
    """α_t = (S / ‖g_t‖)^p with S the root of the sum of squares (`rss`), the largest, the mean or
    the smallest of the norms. p = 1 makes every gradient as long as S, p = 0 leaves them as they
    are. It needs the diagonal of the Gramian alone. A gradient of zero gets the weight 1, and does
    not count for S.

    Papers that are cases of it: NTK-MTL with one sample (Qin et al., NeurIPS 2025), S = rss; the
    gradients' half of DB-MTL (Lin et al., 2023), S = max. With the weighting `si` the gradients are
    those of the losses' logarithms.

        >>> gramian = torch.tensor([[4.0, 1.0], [1.0, 1.0]])
        >>> norm_balance(gramian, reference="max")
        tensor([1., 2.], dtype=torch.float64)
    """
    return balanced(np.sqrt(np.diag(gramian).clip(min=0)), power, reference)


class NormBalance(Aggregator):
    """With `norm_decay` β the norms are exponential averages, n ← β n + (1 - β) ‖g‖, and with
    `gradient_decay` β the gradients themselves, in the norms and in the update, ĝ ← β ĝ + (1 - β) g
    as in DB-MTL. The first ones are taken as they are, and those of a task without labels stay."""

    power: float = option(1.0, "p: 0 leaves the gradients as they are, 1: all of one length")
    reference: str = option(
        "mean", "S, the norm that they are brought to", choices=tuple(REFERENCES)
    )
    norm_decay: float = option(
        0.0, "share of the old average in that of the norms; 0: none", at_least=0, below=1
    )
    gradient_decay: float = option(
        0.0, "share of the old average in that of the gradients; 0: none", at_least=0, below=1
    )
    weigh = staticmethod(norm_balance)
    checked = "lengths on the gradients themselves"
    state = ("norms", "averages")

    def __init__(self, tasks, generator, **options):
        super().__init__(tasks, generator, **options)
        self.norms: Tensor = torch.full((len(self.tasks),), torch.nan, dtype=torch.float64)
        self.averages: list[Tensor | None] = [None] * len(self.tasks)

    @classmethod
    def remembers(cls, values):
        return "T gradients" if values["gradient_decay"] else ""

    def track(self, rows, norms, active, losses):
        for t, row in zip(active, rows, strict=True):
            old = self.averages[t]
            if old is not None:
                row = torch.lerp(row, old.to(row.device, row.dtype), self.gradient_decay)
            self.averages[t] = row
        return [self.averages[t] for t in active], range(len(active))

    def weights(self, gramian, active, losses):
        norms = torch.from_numpy(np.sqrt(gramian.double().numpy().diagonal().clip(min=0)))
        if self.norm_decay:
            old = self.norms[list(active)]
            mixed = torch.where(old.isnan(), norms, torch.lerp(norms, old, self.norm_decay))
            self.norms[list(active)] = norms = mixed
        return torch.from_numpy(balanced(norms.numpy(), self.power, self.reference))

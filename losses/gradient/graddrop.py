"""Gradients dropped at random, element by element, where their signs disagree."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from losses.elementwise import Columns
from losses.gradient.base import Aggregator


class GradDrop(Aggregator):
    """Of each element's gradients, only the positive ones are kept with probability P, and only the
    negative ones otherwise; P = ½ (1 + Σ_t g_t / Σ_t |g_t|). The rest is summed (Chen et al.,
    NeurIPS 2020, Algorithm 1, with f the identity and no leak)."""

    at = "features"
    elementwise = True

    def combine(self, gradients: Sequence[Tensor], columns: Columns) -> Tensor:
        total, size = torch.zeros_like(gradients[0]), torch.zeros_like(gradients[0])
        for gradient in gradients:
            total += gradient
            size += gradient.abs()
        # P > U is Σg > (2U - 1) Σ|g|: no division, so an element without any gradient is no NaN.
        draw = total.new_empty(columns.length).uniform_(-1, 1, generator=self._on(total.device))
        draw = draw[columns.numbers.start : columns.numbers.stop]
        positive = total > draw.mul_(size)
        kept = total.zero_()
        for gradient in gradients:
            kept += gradient * ((gradient > 0) == positive)
        return kept

    def _on(self, device: torch.device) -> torch.Generator:
        """A generator there, seeded from the objective's."""
        seed = torch.randint(2**62, (), generator=self.generator).item()
        return torch.Generator(device).manual_seed(seed)

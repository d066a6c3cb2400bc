"""Learning to branch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.cross_stitch import LinkedBackbones
from models.dropout import DrawingLayer
from models.gates import mixed
from utils.option import option


class LTB(LinkedBackbones):
    """A backbone a task; from the second stage on each stage reads one of those before it, of
    whichever task, and learns which (Guo et al., Learning to Branch, ICML 2020)."""

    branch_temperature: float = option(5.0, "of LTB's choices at the start of a training", above=0)
    last_branch_temperature: float = option(
        0.5, "of LTB's choices at its end, to which it falls by equal factors", above=0
    )

    def link(self, tasks, own):
        return Choice(tasks, self.branch_temperature, self.last_branch_temperature)


class Choice(DrawingLayer):
    """One of several maps. In training it is drawn with learned probabilities, and differentiated
    as their softmax with Gumbel noise (Jang et al., ICLR 2017, straight through); in evaluation it
    is the most probable one.

    Args:
        maps: their number.
        first, last: the temperature at the start and at the end of a training.
    """

    def __init__(self, maps: int, first: float, last: float):
        super().__init__()
        self.first, self.last = first, last
        self.logits = nn.Parameter(torch.zeros(maps))

    @property
    def temperature(self) -> float:
        place = self.masks.place
        return self.first * (self.last / self.first) ** (place.progress if place else 0.0)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        if not self.training:
            return mixed(self._of(self.logits), maps)
        tiny = torch.finfo(torch.float32).tiny
        noise = -(-self.masks.uniform(self.name, self.logits).clamp(min=tiny).log()).log()
        noisy = self.logits + noise.to(self.logits)
        soft = (noisy / self.temperature).softmax(dim=0)
        return mixed(self._of(noisy) + soft - soft.detach(), maps)

    def _of(self, logits: Tensor) -> Tensor:
        """1 for the largest, 0 for the others."""
        return F.one_hot(logits.argmax(), len(logits)).to(logits)

"""Weights learned with a penalty on how far the weighted losses lie apart."""

from __future__ import annotations

import torch
from torch import Tensor

from losses.mean import SMALLEST_LOSS
from losses.weighting.learned import LearnedWeighting
from utils.option import option
from utils.transfer import tensor_on


class LDCMTL(LearnedWeighting):
    """F = Σ_t u_t + λ Σ_t |u_t - u_{t+1}| with u_t = σ_t L_t / τ_t (LDC-MTL: Xiao et al., 2025,
    eq. 4 and Algorithm 1, whose penalised problem is solved in one loop). σ = softmax(s) with
    numbers s that have an Adam of their own and go down F as the network does; τ_t is the task's
    first loss over the smallest first loss of the tasks. Neighbours are those in the order of the
    tasks that take part, in a row.

    So c_t = σ_t / τ_t · (1 + λ (sign(u_t - u_{t+1}) - sign(u_{t-1} - u_t))). Coefficients below 0
    (λ above 1) train a task backwards, to bring it nearer to its neighbours.

    The paper makes σ of the features by a small router; here it is one number a task, which all
    images share. σ is over the tasks that take part, times their share of all.

        >>> import torch
        >>> from losses import build
        >>> weighting = build("ldc-mtl", ["depth", "normal"], options={"penalty": 0.1}).weighting
        >>> weighting.weights([0, 1], torch.tensor([2.0, 1.0]))  # τ = 2, 1: all are alike
        tensor([0.2500, 0.5000])
    """

    penalty: float = option(
        0.1,
        "λ, of the distance between the weighted losses of neighbouring tasks",
        at_least=0,
        search=(0.01, 1.0),
    )
    weight_lr: float = option(0.001, "learning rate (Adam) of the weights", above=0)
    no_geometric = "its weights are learned on a sum of losses with a penalty"
    checked = "autograd of F"

    def __init__(self, tasks, total, potential, generator, **options):
        super().__init__(tasks, total, potential, generator, **options)
        self.first = torch.full((len(self.tasks),), torch.nan, dtype=torch.float64)

    def weights(self, active, losses):
        at = tensor_on(losses.device, active)
        losses = losses.clamp(min=SMALLEST_LOSS)
        scaled = losses / self._scales(at, losses)
        share = self.sum * len(active) / len(self.tasks)
        sigma = self.numbers(active, losses).softmax(dim=0)
        slopes = self._slopes(sigma * scaled)
        pull = scaled * slopes * share
        self.learn(active, sigma * (pull - (sigma * pull).sum()))
        return share * sigma * slopes * scaled / losses

    def all_weights(self, numbers):
        first = self.first.to(numbers.device)
        scales = torch.where(first.isnan(), 1.0, first / first.nan_to_num(torch.inf).min())
        return self.sum * numbers.softmax(dim=0) / scales

    def state_dict(self):
        return super().state_dict() | {"first": self.first}

    def load_state_dict(self, state):
        super().load_state_dict(state)
        self.first = state["first"]

    def _scales(self, at: Tensor, losses: Tensor) -> Tensor:
        """τ_t of the tasks that take part. The smallest first loss is that of all tasks so far."""
        self.first = self.first.to(losses.device)
        mine = self.first.index_select(0, at)
        mine = torch.where(mine.isnan() & losses.isfinite(), losses.double(), mine)
        self.first = self.first.index_copy(0, at, mine)
        scales = mine / self.first.nan_to_num(torch.inf).min()
        return torch.where(scales.isfinite(), scales, 1.0).to(losses.dtype)

    def _slopes(self, parts: Tensor) -> Tensor:
        """∂F/∂u of (n) weighted losses."""
        signs = (parts[:-1] - parts[1:]).sign()
        none = signs.new_zeros(1)
        return 1 + self.penalty * (torch.cat([signs, none]) - torch.cat([none, signs]))

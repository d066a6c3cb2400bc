"""A mixture of few of several experts, picked by differentiable selectors."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.backbones.several import SeveralBackbones
from models.mmoe import MOST_EXPERTS, ExpertsNetwork
from models.soft_sharing import Branch, SoftSharing
from utils.errors import ConfigError
from utils.option import option


class DSelectK(SoftSharing):
    """Several backbones, which all tasks share as experts; each task picks at most k of them by
    selectors that are the same for all images (Hazimeh et al., NeurIPS 2021, the static gate of
    section 2.2, without the regularisation by entropy)."""

    experts: int = option(
        4, "backbones in DSelect_k, a power of two", at_least=2, largest=MOST_EXPERTS
    )
    selectors: int = option(2, "k: how many experts a task picks", at_least=1, largest=MOST_EXPERTS)
    step_width: float = option(1.0, "γ: the range of logits in which a bit is undecided", above=0)

    def network(self, make_backbone, heads):
        if self.experts & (self.experts - 1):
            raise ConfigError(
                f"experts wants a power of two, whose binary codes all name one, not "
                f"{self.experts}",
                "experts",
            )
        backbones = [make_backbone(self.backbone_stride) for _ in range(self.experts)]
        branches = {
            task: Branch(decoder, gate=Selectors(self.experts, self.selectors, self.step_width))
            for task, decoder in self.decoders(backbones[0], heads).items()
        }
        experts = {str(number): backbone for number, backbone in enumerate(backbones)}
        return ExpertsNetwork(
            SeveralBackbones(backbones, experts), nn.Identity(), branches, last_shared=[]
        )


class Selectors(nn.Module):
    """Weights of n experts: Σ_i softmax(w)_i Π_b s(z_ib), where selector i spells the number of an
    expert in bits, each by a smooth step of a logit: s(z) = S(z) for a bit of 1, else 1 − S(z)
    (Hazimeh et al. 2021, eq. 2 to 4).

    Args:
        experts: n, a power of two.
        selectors: their number.
        width: γ of the smooth step.
    """

    def __init__(self, experts: int, selectors: int, width: float):
        super().__init__()
        bits = experts.bit_length() - 1
        self.width = width
        # Near 0, where the step is steep and no bit is decided, but not all alike.
        self.logits = nn.Parameter(width * (torch.rand(selectors, bits) - 0.5) / 50)
        self.mixture = nn.Parameter(torch.zeros(selectors))
        codes = torch.arange(experts)[:, None] >> torch.arange(bits) & 1
        self.register_buffer("codes", codes.bool(), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """(experts), which sum to 1; whatever the images are."""
        steps = smooth_step(self.logits, self.width)[:, None]
        picked = torch.where(self.codes, steps, 1 - steps).prod(dim=2)
        return self.mixture.softmax(dim=0) @ picked


def smooth_step(z: Tensor, width: float) -> Tensor:
    """S(z): 0 up to −γ/2, 1 from γ/2 on, and −2z³/γ³ + 3z/(2γ) + 1/2 in between (eq. 3)."""
    z = (z / width).clamp(-0.5, 0.5)
    return -2 * z**3 + 1.5 * z + 0.5

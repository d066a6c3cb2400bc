"""Customised gate control."""

from __future__ import annotations

from torch import nn

from models.backbones.several import SeveralBackbones
from models.gates import IMAGE_CELLS, Gate
from models.mmoe import MOST_EXPERTS, ExpertsNetwork
from models.soft_sharing import Branch, SoftSharing
from utils.option import option


class CGC(SoftSharing):
    """Backbones that all tasks share as experts, and others of each task alone; a task mixes the
    features of both by a gate that looks at the image (Tang et al., RecSys 2020, section 4.1)."""

    experts: int = option(
        1, "backbones that all tasks share in CGC and PLE", at_least=1, largest=MOST_EXPERTS
    )
    own_experts: int = option(
        1, "backbones of each task alone in CGC and PLE", at_least=1, largest=MOST_EXPERTS
    )

    def network(self, make_backbone, heads):
        stride, total = self.backbone_stride, self.experts + self.own_experts
        shared = {str(number): make_backbone(stride) for number in range(self.experts)}
        branches = {
            task: Branch(
                decoder,
                gate=Gate(3, total, IMAGE_CELLS),
                experts=nn.ModuleList(make_backbone(stride) for _ in range(self.own_experts)),
            )
            for task, decoder in self.decoders(shared["0"], heads).items()
        }
        task_experts = [expert for branch in branches.values() for expert in branch.experts]
        backbone = SeveralBackbones([*shared.values(), *task_experts], shared, task_experts)
        return CGCNetwork(backbone, nn.Identity(), branches, last_shared=[])


class CGCNetwork(ExpertsNetwork):
    """A branch has `experts` of its own beside its gate."""

    def experts(self, task, maps, images):
        features = [expert(images) for expert in self.heads[task].experts]
        return [*super().experts(task, maps, images), *features]

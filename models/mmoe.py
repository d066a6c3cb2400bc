"""Multi-gate mixture of experts."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from models.backbones.several import SeveralBackbones
from models.gates import IMAGE_CELLS, Gate, mixed_levels
from models.soft_sharing import Branch, SoftNetwork, SoftSharing
from utils.option import option

MOST_EXPERTS = 64


class MMoE(SoftSharing):
    """Several backbones, which all tasks share as experts; each task mixes their features by a gate
    that looks at the image (Ma et al., KDD 2018)."""

    experts: int = option(3, "backbones in MMoE", at_least=1, largest=MOST_EXPERTS)

    def network(self, make_backbone, heads):
        backbones = [make_backbone(self.backbone_stride) for _ in range(self.experts)]
        branches = {
            task: Branch(decoder, gate=Gate(3, self.experts, IMAGE_CELLS))
            for task, decoder in self.decoders(backbones[0], heads).items()
        }
        experts = {str(number): backbone for number, backbone in enumerate(backbones)}
        return ExpertsNetwork(
            SeveralBackbones(backbones, experts), nn.Identity(), branches, last_shared=[]
        )


class ExpertsNetwork(SoftNetwork):
    """The backbone holds the shared experts, and a branch a `gate`, which gives their weights."""

    def shared_maps(self, images):
        return [x for expert in self.backbone.shared.values() for x in expert(images)]

    def task_features(self, task, maps, images):
        return mixed_levels(self.heads[task].gate(images), self.experts(task, maps, images))

    def experts(
        self, task: str, maps: tuple[Tensor, ...], images: Tensor
    ) -> list[Sequence[Tensor]]:
        """The features that each expert of a task gives."""
        levels = len(maps) // len(self.backbone.shared)
        return [maps[start : start + levels] for start in range(0, len(maps), levels)]

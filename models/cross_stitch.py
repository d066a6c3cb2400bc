"""Cross-stitch networks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.backbones.several import SeveralBackbones
from models.gates import mixed
from models.soft_sharing import Branch, SoftNetwork, SoftSharing

STAGES = (-4, -3, -2, -1)
"""The features at which backbones are cut: the last four."""

OWN = 0.9
"""What a task takes from its own backbone at first."""


class LinkedBackbones(SoftSharing):
    """The base of architectures with a backbone a task, whose stages from the second on read what
    the stages before them gave for all tasks."""

    @abstractmethod
    def link(self, tasks: int, own: int) -> nn.Module:
        """Builds what a stage reads: takes the maps of all tasks and returns one.

        Args:
            tasks: their number.
            own: the index of the task that the stage belongs to.
        """

    def network(self, make_backbone, heads):
        backbones = [make_backbone(self.backbone_stride, STAGES) for _ in heads]
        segments = {
            task: backbone.segments() for task, backbone in zip(heads, backbones, strict=True)
        }
        count = len(heads)
        branches = {
            task: Branch(decoder, link=self.link(count, own), stage=segments[task][-1])
            for own, (task, decoder) in enumerate(self.decoders(backbones[0], heads).items())
        }
        links = nn.ModuleList(
            nn.ModuleList(self.link(count, own) for own in range(count)) for _ in STAGES[1:-1]
        )
        backbone = SeveralBackbones(
            backbones,
            {task: nn.ModuleList(stages[:-1]) for task, stages in segments.items()},
            [stages[-1] for stages in segments.values()],
        )
        return LinkedNetwork(backbone, links, branches, last_shared=[])


class LinkedNetwork(SoftNetwork):
    """The last stage of a task's backbone, with what it reads, belongs to the task alone; all
    others reach every task. The neck holds what the stages in between read."""

    def shared_maps(self, images):
        backbones = list(self.backbone.shared.values())
        maps = [[stages[0](images)] for stages in backbones]
        for number, links in enumerate(self.neck, start=1):
            read = [link([x[-1] for x in maps]) for link in links]
            for x, stages, inputs in zip(maps, backbones, read, strict=True):
                x.append(stages[number](inputs))
        return [x for of_task in maps for x in of_task]

    def task_features(self, task, maps, images):
        branch, length = self.heads[task], len(STAGES) - 1
        start = length * list(self.heads).index(task)
        last = branch.stage(branch.link(maps[length - 1 :: length]))
        return [self.backbone.map_of(x) for x in (*maps[start : start + length], last)]


class CrossStitch(LinkedBackbones):
    """A backbone a task; before its second, third and fourth stage each reads a learned linear
    combination of what the stages of all tasks gave (Misra et al., CVPR 2016)."""

    def link(self, tasks, own):
        return Stitch(tasks, own)


class Stitch(nn.Module):
    """Σ_j c_j h_j, with learned numbers c, which are at first 0.9 for the task's own map and 0.1
    for all others together (Misra et al., CVPR 2016, eq. 1 and section 5.1)."""

    def __init__(self, tasks: int, own: int):
        super().__init__()
        others = (1 - OWN) / max(tasks - 1, 1)
        start = torch.full((tasks,), others)
        start[own] = OWN if tasks > 1 else 1.0
        self.coefficients = nn.Parameter(start)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        return mixed(self.coefficients, maps)

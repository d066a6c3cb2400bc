"""Knowledge distillation: every task's single-task network teaches the multi-task network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from utils.precision import at_least_float32, exact_type
from utils.ranks import ALONE, Ranks
from utils.transfer import tensor_on


class Distillation(nn.Module):
    """Adds to each task's loss what its teacher says.

    Two terms beside the loss on the labels: the distance of the shared features, passed through a
    1×1 convolution of the task's own, to the teacher's features (Li and Bilen, ECCV Workshops 2020,
    eq. 2, 3; the mean over the maps where there are several), and the loss on the teacher's
    predictions as pseudo-labels (Yun and Cho, ICCV 2023). A task takes part in every batch, by
    these where it has no label.

    Args:
        tasks: the names of all tasks.
        student: channels of the multi-task network's shared feature maps.
        teachers: task -> channels of its teacher's, as many maps.
        distance_weight: of the distance; 0: there are no convolutions.
        pseudo_label_weight: of the loss on the pseudo-labels.
        ranks: the processes that share each batch.
    """

    def __init__(
        self,
        tasks: Sequence[str],
        student: Sequence[int],
        teachers: Mapping[str, Sequence[int]],
        distance_weight: float = 1.0,
        pseudo_label_weight: float = 1.0,
        ranks: Ranks = ALONE,
    ):
        super().__init__()
        self.tasks = tuple(tasks)
        self.distance_weight = distance_weight
        self.pseudo_label_weight = pseudo_label_weight
        self.ranks = ranks
        # A list in the tasks' order: a name may hold characters that a module's name may not.
        self.projections = nn.ModuleList(
            nn.ModuleList(
                nn.Conv2d(ours, theirs, 1)
                for ours, theirs in zip(student, teachers[task], strict=True)
            )
            for task in self.tasks
            if distance_weight
        )

    def task_parameters(self, task: str) -> list[nn.Parameter]:
        """The projections of a task, to be trained as its own parameters are."""
        if not self.distance_weight:
            return []
        return list(self.projections[self.tasks.index(task)].parameters())

    def forward(
        self,
        losses: Mapping[str, Tensor],
        features: Sequence[Tensor],
        teachers: Mapping[str, Sequence[Tensor]],
        pseudo: Mapping[str, Tensor],
        pixels: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """The losses to train on, of all tasks.

        Args:
            losses: task -> scalar float32, on the labels; of the tasks that have any in the batch.
            features: the multi-task network's shared maps (B, C, h, w) of this process's images,
                of which there may be none.
            teachers: task -> its teacher's maps for the same images, of the same sizes. Not looked
                at where the distance has no weight.
            pseudo: task -> scalar float32, the loss on the teacher's predictions of all images. Not
                looked at where the pseudo-labels have no weight.
            pixels: of each map, how many the whole batch has, where these images are a part of it.
        """
        taught: dict[str, list[Tensor]] = {task: [] for task in self.tasks}
        if self.pseudo_label_weight:
            for task in self.tasks:
                taught[task].append(self.pseudo_label_weight * pseudo[task])
        if self.distance_weight:
            for task, mean in self._distances(features, teachers, pixels).items():
                taught[task].append(self.distance_weight * mean)
        return {
            task: sum(terms, losses[task]) if task in losses else sum(terms)
            for task, terms in taught.items()
        }

    def _distances(
        self,
        features: Sequence[Tensor],
        teachers: Mapping[str, Sequence[Tensor]],
        pixels: Tensor | None,
    ) -> dict[str, Tensor]:
        """The distance to each task's teacher, the mean over the pixels, then over the maps."""
        if pixels is None:
            pixels = self.ranks.sum(_pixels(features)).clamp(min=1)
        means = {}
        for task, projections in zip(self.tasks, self.projections, strict=True):
            distances = [
                distance(project(ours), theirs)
                for project, ours, theirs in zip(projections, features, teachers[task], strict=True)
            ]
            means[task] = (self.ranks.sum(torch.stack(distances)) / pixels).mean()
        return means


def _pixels(features: Sequence[Tensor]) -> Tensor:
    """The number of pixels of each map, those of all images."""
    numbers = [feature[:, 0].numel() for feature in features]
    return tensor_on(features[0].device, numbers, exact_type(features[0]))


def distance(student: Tensor, teacher: Tensor) -> Tensor:
    """The squared distance of two maps (B, C, h, w) whose vectors have been made unit vectors,
    summed over the pixels, each in [0, 4]: a scalar, float32 or float64. The teacher has no
    gradient."""
    student = F.normalize(at_least_float32(student), dim=1)
    teacher = F.normalize(at_least_float32(teacher.detach()), dim=1)
    return (student - teacher).square().sum()

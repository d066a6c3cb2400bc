"""The one network class: images → backbone → neck → a head a task."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import Parameter

from models.backbones.base import Backbone
from tasks.base import BoxPrediction


class Network(nn.Module):
    """A network of one or many tasks. It knows nothing of what the tasks mean.

    Args:
        backbone: gives the features of an image.
        neck: what all tasks share behind the backbone; takes the list of the backbone's features
            and returns the list of maps that the heads read.
        heads: by task name; each takes (maps, size of the image) and returns the prediction.
        last_shared: the parameters of the last layer that all tasks share; empty where there is no
            such single layer (a neck that ends in several levels).
    """

    def __init__(
        self,
        backbone: Backbone,
        neck: nn.Module,
        heads: Mapping[str, nn.Module],
        last_shared: list[Parameter],
    ):
        super().__init__()
        self.backbone = backbone
        self.neck = neck
        self.heads = nn.ModuleDict(heads)
        names = {id(parameter): name for name, parameter in self.named_parameters()}
        self._last_shared = [names[id(parameter)] for parameter in last_shared]
        self._features: tuple[Tensor, ...] = ()

    @property
    def tasks(self) -> tuple[str, ...]:
        """The names of the tasks, in the order of the predictions."""
        return tuple(self.heads)

    @property
    def features(self) -> tuple[Tensor, ...]:
        """The shared maps (B, C, h, w) that the heads read in the last forward, finest first. They
        hang in its graph, and none is computed from another: the gradients of a loss at all of them
        hold together, once, what the loss sends into the shared layers."""
        return self._features

    def forward(self, images: Tensor) -> dict[str, Tensor | BoxPrediction]:
        """Predicts all tasks.

        Args:
            images: (B, 3, H, W) float, normalised.

        Returns:
            by task name: (B, channels, H, W) of a dense head, or a `BoxPrediction`.
        """
        self._features = ()  # lets go of the last graph before a new one grows
        # In some necks a level is computed from another. Heads read views, which are leaves to one
        # another, so that a gradient at one level does not hold what flows through the next.
        maps = tuple(shared.view_as(shared) for shared in self.neck(self.backbone(images)))
        if not torch.compiler.is_exporting():
            self._features = maps
        size = (images.shape[-2], images.shape[-1])
        return {task: head(maps, size) for task, head in self.heads.items()}

    def backbone_parameters(self) -> list[Parameter]:
        """Those of the backbone, which may come with ImageNet weights; all others are new."""
        return list(self.backbone.parameters())

    def shared_parameters(self) -> list[Parameter]:
        """Those of the backbone and of the shared neck."""
        return [*self.backbone.parameters(), *self.neck.parameters()]

    def task_parameters(self, task: str) -> list[Parameter]:
        """Those of one head. All tasks' and the shared ones are all there are."""
        return list(self.heads[task].parameters())

    def last_shared_parameters(self) -> list[Parameter]:
        """Those of the last shared layer. Empty where the tasks share several maps at the end (VMM,
        EfficientDet): a method that wants the last shared layer then takes `features` instead."""
        return [self.get_parameter(name) for name in self._last_shared]

    def __getstate__(self) -> dict:
        # The maps belong to a graph, and cannot be copied (as for an average of the weights).
        return {**self.__dict__, "_features": ()}

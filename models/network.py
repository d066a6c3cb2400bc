"""The network: images → backbone → neck → a head a task."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import Parameter

from models.backbones.base import Backbone
from models.dropout import Place, replace_dropout
from models.layers import initialise
from models.normalisation import Normalisation
from tasks.base import BoxPrediction
from utils.errors import ConfigError


class Network(nn.Module):
    """A network of one or many tasks, which knows nothing of the meaning of the tasks. It
    initialises the layers of the neck and of the heads, and leaves the backbone as it is.

    What the tasks share is computed once (`shared_maps`), then what each has of its own (`branch`).
    Here that is a backbone with a neck, and a head; see `models.branched` for others.

    Args:
        backbone: gives the features of an image.
        neck: the layers behind the backbone that all tasks share; takes the list of the backbone's
            features and returns the list of maps that the heads read.
        heads: by task name; each takes (maps, (height, width) of the image) and returns the
            prediction. Its method `start` sets the number that it predicts at first.
        last_shared: the parameters of the last layer that all tasks share; empty where no single
            layer is the last (a neck that ends in several levels).

    Attributes:
        features: the shared maps (B, C, h, w) that the heads read in the last forward, finest
            first, with their graph. No map is computed from another: the gradients of a loss at all
            maps, taken together, hold everything that the loss sends into the shared layers, once.
        mean, std: (3, 1, 1) the statistics that it normalises images by.
        masks: what its dropout layers draw.
        prediction_stride: the pixels of the image to one of a dense prediction, along each axis.
        is_frozen: whether a part of it is not trained.
        no_features: why the network has no `features`; empty where it has.
        is_compiled: whether its parts are compiled, which is for training alone; see
            `models.compilation`.
    """

    no_features: ClassVar[str] = ""

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
        self.features: tuple[Tensor, ...] = ()
        self.is_compiled = self.is_frozen = False
        self.prediction_stride = 1
        self._last_shared = last_shared
        self.normalise_by(backbone.normalisation(backbone.name, backbone.normalise))
        self.masks = replace_dropout(self)
        self.initialise()
        for head in heads.values():
            head.start()

    def initialise(self) -> None:
        """Initialises the layers of the neck and of the heads; what is a backbone's stays."""
        initialise(self.neck, *self.heads.values(), but=self.backbone_parameters())

    def forward(
        self, images: Tensor, tasks: Container[str] | None = None
    ) -> dict[str, Tensor | BoxPrediction]:
        """Predicts all tasks.

        Args:
            images: (B, 3, H, W) float, RGB in [0, 1], of the network's type or another; B may be 0.
            tasks: those whose predictions are needed, alike on all processes; None: all. Others may
                be left out.

        Returns:
            by task name: (B, channels, H / stride, W / stride) of a dense head, with the stride
            `prediction_stride`, or a `BoxPrediction`.
        """
        if self.is_compiled and not self.training:
            with torch.compiler.set_stance("force_eager"):
                return self._predict(images, tasks)
        return self._predict(images, tasks)

    def _predict(
        self, images: Tensor, tasks: Container[str] | None
    ) -> dict[str, Tensor | BoxPrediction]:
        self.features = ()  # lets go of the last graph before a new one grows
        images = (images.to(self.std.dtype) - self.mean) / self.std
        # Some necks compute a level from another. Heads read views of the levels: the gradient at a
        # view holds the heads' share alone, not what flows on through the next level.
        maps = tuple(level.view_as(level) for level in self.shared_maps(images))
        if not (self.no_features or torch.compiler.is_exporting()):
            self.features = maps
        return {task: self.branch(task, maps, images) for task in self.predicted(tasks)}

    def predicted(self, tasks: Container[str] | None) -> Sequence[str]:
        """The tasks that are predicted where some are needed: all, for the statistics of BatchNorm
        in a head are those of every image."""
        return list(self.heads)

    def shared_maps(self, images: Tensor) -> Sequence[Tensor]:
        """What is computed once for all tasks, from normalised images (B, 3, H, W)."""
        return self.neck(self.backbone(images))

    def branch(self, task: str, maps: tuple[Tensor, ...], images: Tensor) -> Tensor | BoxPrediction:
        """The prediction of a task, from the shared maps and the normalised images."""
        return self.heads[task](maps, (images.shape[-2], images.shape[-1]))

    def normalise_by(self, normalisation: Normalisation) -> None:
        """From now on images are normalised by this mean and standard deviation."""
        weight = next(self.parameters())
        for name, colour in normalisation._asdict().items():
            self.register_buffer(name, weight.new_tensor(colour).view(3, 1, 1), persistent=False)

    def freeze(self, layers: int | None = None) -> None:
        """From now on the first layers of the backbone are not trained, and their BatchNorm and
        dropout do what they do in evaluation.

        Args:
            layers: how many, as `Backbone.layers` counts them; None: the whole backbone.

        Raises:
            ConfigError: there are not so many.
        """
        every = [layer for layer in self.backbone.layers() if layer]
        if not every or (layers or 0) > len(every):
            raise ConfigError(
                f"backbone {self.backbone.name} has {len(every)} layers that could be frozen",
                "freeze",
            )
        for parameter in (p for layer in every[:layers] for p in layer):
            parameter.requires_grad_(False)
        self.is_frozen = True
        self.train(self.training)

    def train(self, mode: bool = True) -> Network:
        super().train(mode)
        if mode and self.is_frozen:
            for module in self.modules():
                parameters = list(module.parameters())
                if parameters and not any(p.requires_grad for p in parameters):
                    module.eval()
        return self

    @property
    def coarsest_stride(self) -> int:
        """The pixels of the image to one cell of the coarsest map in the network."""
        return max(*self.backbone.strides, *getattr(self.neck, "strides", ()))

    @property
    def place(self) -> Place | None:
        """Which images of which batch the forward passes are of; None: nobody has said."""
        return self.masks.place

    def backbone_parameters(self) -> list[Parameter]:
        """The parameters of the backbone, which may come with ImageNet weights; all others are
        new."""
        return [p for module in self.backbone.everywhere() for p in module.parameters()]

    def shared_parameters(self) -> list[Parameter]:
        """The parameters that several tasks reach: of the backbone and of the neck."""
        return [*self.backbone.parameters(), *self.neck.parameters()]

    def task_parameters(self, task: str) -> list[Parameter]:
        """The parameters of a task's head. Together with the shared ones, those of all tasks are
        all parameters of the network."""
        return list(self.heads[task].parameters())

    def last_shared_parameters(self) -> list[Parameter]:
        """The parameters of the last shared layer. Empty where the tasks share several maps at the
        end (VMM, EfficientDet): a method that needs the layer takes `features` instead."""
        return list(self._last_shared)

    def compiled_parts(self) -> list[nn.Module]:
        """The modules that it calls one by one, each of which may be compiled."""
        return [self.backbone, self.neck, *self.heads.values()]

    def __getstate__(self) -> dict:
        # The maps belong to a graph and cannot be copied (as for an average of the weights).
        return {**self.__dict__, "features": ()}

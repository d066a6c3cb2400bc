"""What an architecture is: a rule that joins a backbone, a neck and heads into a network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

from torch import Tensor, nn

from models.backbones.base import Backbone
from models.network import Network
from tasks.base import BoxHead, DenseHead
from utils.errors import ConfigError
from utils.option import option
from utils.part import Part


class MakeBackbone(Protocol):
    """Builds a backbone for the stride of its last feature and the indices of the features that it
    is to give; None stands for the backbone's default."""

    def __call__(
        self, output_stride: int | None = None, out_indices: Sequence[int] | None = None
    ) -> Backbone: ...


class Architecture(Part, ABC):
    """Builds networks. A subclass declares the options of its networks."""

    section = "network"

    has_own_encoder: ClassVar[bool] = False
    """Whether it has an encoder of its own, in the place of a backbone."""

    @property
    def prediction_stride(self) -> int:
        """The pixels of the image to one of a dense prediction, along each axis."""
        return 1

    @abstractmethod
    def network(
        self, make_backbone: MakeBackbone, heads: Mapping[str, DenseHead | BoxHead]
    ) -> Network:
        """Builds a network.

        Args:
            make_backbone: builds the backbone, or another one of its kind at every call.
            heads: the prediction of each task, by the task's name.

        Raises:
            ConfigError: the architecture has no head for a task, or needs another backbone.
        """

    @property
    def backbone_stride(self) -> int | None:
        """The stride of the last feature that it wants; None: the backbone's default."""
        return None

    def decoder(
        self,
        task: str,
        head: DenseHead | BoxHead,
        channels: tuple[int, ...],
        strides: tuple[int, ...],
    ) -> nn.Module:
        """What follows the backbone, for a task of its own: takes (features, (height, width) of the
        image) and returns the prediction, and has the method `start` of a head.

        Args:
            task: its name.
            head: its prediction.
            channels, strides: of the features, finest first.

        Raises:
            ConfigError: the architecture has no head for the task, or needs other features.
        """
        raise NotImplementedError

    def require(self, kind: type[DenseHead] | type[BoxHead], heads: Mapping[str, object]) -> None:
        """Refuses heads of another kind, for an architecture that has one kind alone.

        Raises:
            ConfigError: names the first such task.
        """
        noun, needed = ("boxes", "dense maps") if kind is DenseHead else ("dense maps", "boxes")
        for task, head in heads.items():
            if not isinstance(head, kind):
                raise ConfigError(
                    f"arch {type(self).__name__} has heads for {needed} only, and {task} predicts "
                    f"{noun}; arch VMM has heads for both",
                    "tasks",
                )


class Decoder(nn.Module):
    """A neck and a head of one task."""

    def __init__(self, neck: nn.Module, head: nn.Module):
        super().__init__()
        self.neck, self.head = neck, head

    def start(self) -> None:
        self.head.start()

    def forward(self, features: Sequence[Tensor], size: tuple[int, int]) -> Any:
        return self.head(tuple(self.neck(list(features))), size)


MOST_CHANNELS = 4096


def channels_option(default: int) -> int:
    """Declares the option `channels`, which an empty value leaves at the number of the paper; in an
    official cfg it is 64 for every architecture."""
    return option(
        default,
        "channels of what follows the backbone (empty: as in the architecture's paper)",
        aliases=("normal_size",),
        at_least=1,
        largest=MOST_CHANNELS,
        official=64,
    )

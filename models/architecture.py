"""What an architecture is: a rule that joins a backbone, a neck and heads into a network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar

from models.backbones.base import Backbone
from models.network import Network
from tasks.base import BoxHead, DenseHead
from utils.errors import ConfigError
from utils.option import option
from utils.part import Part

MakeBackbone = Callable[[int | None], Backbone]
"""Builds the backbone for an output stride; None stands for the backbone's default."""


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
            make_backbone: builds the backbone for an output stride.
            heads: the prediction of each task, by the task's name.

        Raises:
            ConfigError: the architecture has no head for a task, or needs another backbone.
        """

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

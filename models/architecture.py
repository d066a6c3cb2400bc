"""What an architecture is: how a network is put together from a backbone, a neck and heads."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

from models.backbones.base import Backbone
from models.necks import NECKS
from models.network import Network
from tasks.base import BoxHead, DenseHead
from utils.errors import ConfigError
from utils.option import option
from utils.part import Part

MakeBackbone = Callable[[int | None], Backbone]
"""Builds the backbone for an output stride; None for the backbone's own."""


class Architecture(Part, ABC):
    """Builds networks. A subclass declares the options that its networks have."""

    section = "network"

    @abstractmethod
    def network(
        self, make_backbone: MakeBackbone, heads: Mapping[str, DenseHead | BoxHead]
    ) -> Network:
        """Builds a network.

        Args:
            make_backbone: builds the backbone for an output stride.
            heads: what each task predicts, by the task's name.

        Raises:
            ConfigError: the architecture has no head for a task, or needs another backbone.
        """

    def require(self, kind: type[DenseHead] | type[BoxHead], heads: Mapping[str, object]) -> None:
        """Refuses heads of another kind, for an architecture that has one kind alone."""
        noun, needed = ("boxes", "dense maps") if kind is DenseHead else ("dense maps", "boxes")
        for task, head in heads.items():
            if not isinstance(head, kind):
                raise ConfigError(
                    f"arch {type(self).__name__} has heads for {needed} only, and {task} predicts "
                    f"{noun}; arch VMM has heads for both",
                    "arch",
                )


class PyramidArchitecture(Architecture):
    """What architectures have in common whose neck is a feature pyramid."""

    channels: int | None = option(
        None,
        "channels of what follows the backbone (empty: as in the architecture's paper)",
        aliases=("normal_size",),
        at_least=1,
    )
    neck: str | None = option(
        None,
        "what joins the levels of features in VMM and EfficientDet (empty: as in their papers)",
        parts=NECKS,
        aliases=("use_FPN",),
    )

"""Architectures whose heads read the levels of a feature pyramid: VMM and EfficientDet."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from torch import nn

from models.architecture import Architecture, Decoder
from models.backbones.base import check_strides
from models.layers import Activation, Block, MBConv
from models.necks import NECKS
from models.necks.pyramid import ColumnPyramid, Pyramid, SimplePyramid
from models.network import Network
from tasks.base import BoxHead, DenseHead
from utils.option import option


class PyramidArchitecture(Architecture):
    """A feature pyramid on features of the strides 8, 16 and 32, or on three that are made of the
    last map of a plain transformer. A subclass declares the options `channels` and `neck`."""

    channels: int | None
    neck: str | None

    depth: ClassVar[int]
    """The number of layers of the neck."""
    extra_levels: ClassVar[int] = 0
    """The number of levels that are coarser than the backbone's features."""
    activation: ClassVar[Activation]
    """That of the neck's layers."""
    transition_activation: ClassVar[Activation]
    """Follows the convolutions between the backbone and the neck."""

    @property
    def block(self) -> Block:
        """What the neck's layers may be made of."""
        return MBConv

    def network(self, make_backbone, heads):
        backbone = make_backbone(None)
        pyramid = self._pyramid(backbone.channels, backbone.strides)
        modules = {task: self.head(head, pyramid.strides) for task, head in heads.items()}
        # The tasks share the pyramid's levels. Several layers end in them: none is the last.
        return Network(backbone, pyramid, modules, last_shared=[])

    def decoder(self, task, head, channels, strides):
        pyramid = self._pyramid(channels, strides)
        return Decoder(pyramid, self.head(head, pyramid.strides))

    def _pyramid(
        self, channels: tuple[int, ...], strides: tuple[int, ...]
    ) -> Pyramid | ColumnPyramid:
        if len(set(strides)) == 1:
            simple = SimplePyramid(channels[-1], strides[-1])
            return ColumnPyramid(simple, self._levels(simple.channels, simple.strides))
        check_strides(type(self).__name__, strides, (8, 16, 32))
        return self._levels(channels, strides)

    def _levels(self, channels: tuple[int, ...], strides: tuple[int, ...]) -> Pyramid:
        return Pyramid(
            channels,
            strides,
            channels=self.channels,
            layer=self.neck,
            depth=self.depth,
            activation=self.activation,
            block=self.block,
            transition_activation=self.transition_activation,
            extra_levels=self.extra_levels,
        )

    @abstractmethod
    def head(self, head: DenseHead | BoxHead, strides: tuple[int, ...]) -> nn.Module:
        """Builds a head on levels of these strides, each of `channels` channels."""


def neck_option(default: str) -> str:
    """Declares the option `neck`, which an empty value leaves at the neck of the paper; in an
    official cfg it is triv2-bifpn for every architecture."""
    return option(
        default,
        "what joins the levels of features in VMM and EfficientDet (empty: as in their papers)",
        parts=NECKS,
        aliases=("use_FPN",),
        official="triv2-bifpn",
    )

"""Backbones by name, behind one contract (:mod:`models.backbones.base`)."""

from __future__ import annotations

from collections.abc import Callable

from models.backbones.base import Backbone
from models.backbones.inverted_residuals import NETWORKS, InvertedResiduals
from models.backbones.resnet import ResNet
from models.backbones.weights import Pretrained
from utils.errors import ConfigError
from utils.option import nearest

RESNETS = tuple(f"resnet{depth}" for depth in (18, 34, 50, 101, 152))

BACKBONES: dict[str, Callable[..., Backbone]] = {
    **dict.fromkeys(RESNETS, ResNet),
    **dict.fromkeys(NETWORKS, InvertedResiduals),
}
"""By name, what builds it from (name, output_stride, pretrained)."""

OUTPUT_STRIDES = (8, 16, 32)


def canonical_backbone(name: str) -> str:
    """The table's spelling of a backbone's name: `EfficientNet-V2-S` is `efficientnet_v2_s`.

    Raises:
        ConfigError: there is no such backbone.
    """
    known = {_letters(other): other for other in BACKBONES}
    if _letters(name) not in known:
        raise ConfigError(f"unknown backbone '{name}'{nearest(name, BACKBONES)}")
    return known[_letters(name)]


def create(name: str, output_stride: int, *, pretrained: Pretrained) -> Backbone:
    """Builds a backbone.

    Args:
        name: in any of its spellings.
        output_stride: the stride of the last feature: 32, or 16 or 8 by dilation.
        pretrained: True for ImageNet weights, False, or a path to a state dict.

    Raises:
        ConfigError: the name, the stride or the weights cannot be used.
    """
    name = canonical_backbone(name)
    if output_stride not in OUTPUT_STRIDES:
        raise ConfigError(f"output_stride is 8, 16 or 32, not {output_stride}")
    return BACKBONES[name](name, output_stride, pretrained)


def _letters(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")

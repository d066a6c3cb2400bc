"""Backbones by name, behind one contract (:mod:`models.backbones.base`)."""

from __future__ import annotations

from models.backbones.base import Backbone
from models.backbones.efficientnet import EfficientNet
from models.backbones.inverted_residuals import NETWORKS, InvertedResiduals
from models.backbones.resnet import ResNet
from models.backbones.timm_models import PREFIX, TimmModel
from utils.part import Registry

__all__ = ["BACKBONES", "Backbone"]

BACKBONES = Registry(
    "backbone",
    {
        **{f"resnet{depth}": ResNet for depth in (18, 34, 50, 101, 152)},
        **dict.fromkeys(NETWORKS, InvertedResiduals),
        **{f"efficientnet_b{scale}": EfficientNet for scale in range(8)},
    },
    prefixes={PREFIX: lambda name: TimmModel},
)
"""Every backbone by its name in a cfg; `timm/<name>` is any model of timm."""

"""The backbones by name, behind the contract of :class:`models.backbones.base.Backbone`."""

from __future__ import annotations

from models.backbones.base import Backbone
from models.backbones.efficientnet import EfficientNet, EfficientNetLite0
from models.backbones.none import NoBackbone
from models.backbones.timm_models import PREFIX, TimmModel
from models.backbones.torchvision_models import (
    EfficientNetB1,
    EfficientNetV2,
    MobileNetV2,
    ResNet,
)
from utils.part import Registry

__all__ = ["BACKBONES", "Backbone"]

BACKBONES = Registry(
    "backbone",
    {
        **{f"efficientnet_b{scale}": EfficientNet for scale in range(8)},
        "efficientnet_lite0": EfficientNetLite0,
        **{
            name: part
            for part in (ResNet, MobileNetV2, EfficientNetB1, EfficientNetV2)
            for name in part.last_of
        },
        "none": NoBackbone,
    },
    prefixes={PREFIX: lambda name: TimmModel},
)
"""Every backbone by its name in a cfg; `timm/<name>` is any model of timm."""

"""What a layer of a feature pyramid is."""

from __future__ import annotations

from torch import nn

from models.layers import Activation
from utils.part import Part


class PyramidLayer(Part, nn.Module):
    """Mixes the levels of a feature pyramid: takes `levels` maps of `channels` channels, finest
    first, and returns such maps."""

    section = "network"

    def __init__(self, channels: int, levels: int, activation: Activation, **options):
        nn.Module.__init__(self)
        Part.__init__(self, **options)

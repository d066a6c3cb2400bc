"""Networks and backbones of untrained weights by their names, as tests want them."""

import models
from models import ARCHITECTURES, BACKBONES


def make_network(arch, backbone, heads, size, **options):
    """A network of these heads for images of `size` (height, width)."""
    choice = BACKBONES.choose(backbone, {"pretrained": "false"})
    return models.build(ARCHITECTURES.choose_nested(arch, options), choice, heads, size)


def make_backbone(name, output_stride=None, *, size=(64, 64), pretrained="false", **options):
    """A backbone for images of `size` (height, width)."""
    choice = BACKBONES.choose(name, {"pretrained": str(pretrained), **options})
    return choice.build(choice.name, size, output_stride)

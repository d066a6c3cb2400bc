"""The networks: an architecture, on a backbone, with a head for each task."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from models import backbones
from models.backbones import BACKBONES, canonical_backbone
from models.backbones.weights import Pretrained
from models.deeplab import deeplab
from models.efficientdet import efficientdet
from models.network import Network
from models.plain import plain
from models.vmm import vmm
from tasks.base import BoxHead, DenseHead
from utils.errors import ConfigError
from utils.option import nearest

__all__ = ["ARCHITECTURES", "BACKBONES", "Network", "build", "canonical_backbone", "options"]

ARCHITECTURES: dict[str, Callable[..., Network]] = {
    "DeepLab": deeplab,
    "VMM": vmm,
    "EfficientDet": efficientdet,
    "plain": plain,
}
"""By name, what builds a network from (a maker of its backbone, heads, own options)."""


def canonical_architecture(name: str) -> str:
    """The table's spelling of an architecture's name. Raises ConfigError for one there is not."""
    known = {other.lower(): other for other in ARCHITECTURES}
    if name.lower() not in known:
        raise ConfigError(f"unknown arch '{name}'{nearest(name, ARCHITECTURES)}")
    return known[name.lower()]


def options(arch: str) -> dict[str, Any]:
    """The options of :func:`build` that this architecture has, with what each is by default."""
    given = inspect.signature(ARCHITECTURES[canonical_architecture(arch)]).parameters.values()
    return {option.name: option.default for option in given if option.kind is option.KEYWORD_ONLY}


def build(
    arch: str,
    backbone: str,
    heads: Mapping[str, DenseHead | BoxHead],
    *,
    size: tuple[int, int],
    pretrained: Pretrained,
    neck: str | None = None,
    channels: int | None = None,
    output_stride: int | None = None,
    skip_connection: int | None = None,
    shared_head: bool | None = None,
) -> Network:
    """Builds a network. With one head it is that task's single-task network.

    Under `with torch.device("meta")` it is built without memory, to be counted.

    Args:
        arch: one of `ARCHITECTURES`.
        backbone: one of `BACKBONES`.
        heads: what each task predicts, by the task's name.
        size: height and width of the images it is to take.
        pretrained: the backbone's weights: True for ImageNet's, False for none, or a path to a
            state dict of the backbone as its library names the parameters.
        neck, channels, output_stride, skip_connection, shared_head: see the architecture's own
            file. None takes the default; :func:`options` says which of them an architecture has,
            and the others change nothing.

    Raises:
        ConfigError: a name that there is not, or what does not fit together.
    """
    given = {
        "neck": neck,
        "channels": channels,
        "output_stride": output_stride,
        "skip_connection": skip_connection,
        "shared_head": shared_head,
    }
    own = options(arch)
    own.update({name: given[name] for name in own if given[name] is not None})
    make_backbone = partial(backbones.create, backbone, size=size, pretrained=pretrained)
    return ARCHITECTURES[canonical_architecture(arch)](make_backbone, heads, **own)

"""Any model of timm, as a backbone."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from models.backbones import weights
from models.backbones.base import Backbone, check_size
from utils.errors import ConfigError
from utils.option import nearest

PREFIX = "timm/"
COLUMN_LAYERS = 4
"""How many layers of a plain transformer are returned, the last one and others at equal steps."""


class TimmModel(Backbone):
    """Gives the last features at strides 8, 16 and 32 of a network that has stages; of a plain
    transformer (ViT), four layers reshaped to maps, all at the stride of its patches.

    Args:
        name: timm's name of the model, after `timm/`.
        size: height and width of the images, which a transformer is built for.
        output_stride: the stride of the last feature; None for the model's own.
    """

    def __init__(
        self, name: str, size: tuple[int, int], output_stride: int | None = None, **options: str
    ):
        super().__init__(**options)
        name = name.removeprefix(PREFIX)
        timm = _timm(name)
        strides = _strides(timm, name)
        self.multiple = max(strides)
        check_size(size, self.multiple)
        arguments: dict[str, Any] = {}
        if timm.get_pretrained_cfg(name).fixed_input_size:
            arguments["img_size"] = size
        if output_stride not in (None, strides[-1]):
            _check_dilation(timm, name, strides, output_stride)
            arguments["output_stride"] = output_stride
        self.net = _load(timm, name, self.pretrained, arguments)
        info = _info(self.net)
        if _is_column(strides):
            step = len(info) / COLUMN_LAYERS
            self.indices = [round(step * (n + 1)) - 1 for n in range(COLUMN_LAYERS)]
        else:
            self.indices = list(range(len(info)))[-3:]
        self.channels = tuple(info[index]["num_chs"] for index in self.indices)
        self.strides = tuple(info[index]["reduction"] for index in self.indices)
        self.net.prune_intermediate_layers(self.indices, prune_norm=True, prune_head=True)

    def forward(self, images: Tensor) -> list[Tensor]:
        return self.net.forward_intermediates(
            images, indices=self.indices, intermediates_only=True, output_fmt="NCHW"
        )


def _timm(name: str) -> ModuleType:
    try:
        import timm
    except ImportError as error:
        raise ConfigError(
            f"backbone {PREFIX}{name} needs the package timm: pip install timm", "backbone"
        ) from error
    if not timm.is_model(name):
        known = nearest(name, timm.list_models()) if name else ""
        known = known if len(known) < 100 else ""  # not the list of all thousand
        raise ConfigError(f"timm has no model '{name}'{known}", "backbone")
    return timm


def _info(net) -> list[dict]:
    """What timm says of a model's features: their channels and strides, finest first."""
    return getattr(net.feature_info, "info", net.feature_info)


def _strides(timm: ModuleType, name: str) -> list[int]:
    with torch.device("meta"):
        return [feature["reduction"] for feature in _info(timm.create_model(name))]


def _is_column(strides: list[int]) -> bool:
    return len(set(strides)) == 1


def _check_dilation(timm: ModuleType, name: str, strides: list[int], output_stride: int) -> None:
    """timm dilates many networks with stages, but not all; each family refuses in its own way."""
    try:
        with torch.device("meta"):
            net = timm.create_model(name, output_stride=output_stride)
        possible = _info(net)[-1]["reduction"] == output_stride
    except Exception:
        possible = False
    if not possible:
        raise ConfigError(
            f"backbone {PREFIX}{name} has an output stride of {strides[-1]} "
            f"and cannot be dilated to {output_stride}; give output_stride = {strides[-1]}",
            "output_stride",
        )


def _load(timm: ModuleType, name: str, pretrained: str, options: dict[str, Any]) -> torch.nn.Module:
    if pretrained == "false":
        return timm.create_model(name, **options)
    if pretrained == "true":
        return weights.downloaded(
            PREFIX + name, lambda: timm.create_model(name, pretrained=True, **options)
        )
    # timm fits a transformer's weights to another size of image while it loads them.
    net = timm.create_model(name, **options)
    state = weights.read(Path(pretrained), PREFIX + name)
    classifier = timm.get_pretrained_cfg(name).classifier or ()
    classifier = (classifier,) if isinstance(classifier, str) else tuple(classifier)
    state = {key: value for key, value in state.items() if not key.startswith(classifier)}
    state.update({k: v for k, v in net.state_dict().items() if k.startswith(classifier)})
    try:
        return timm.create_model(
            name, pretrained=True, pretrained_cfg_overlay={"state_dict": state}, **options
        )
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise ConfigError(
            f"{pretrained} does not hold the weights of {PREFIX}{name}: {reason}", "pretrained"
        ) from error

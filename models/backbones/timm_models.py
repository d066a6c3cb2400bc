"""The backbones of timm."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from models.backbones import weights
from models.backbones.base import Backbone, check_size
from models.backbones.timm_segments import (
    Block,
    NoChain,
    TimmSegment,
    blocks_of,
    features_of,
    segments_of,
)
from models.batch_norm import stand_in
from models.dropout import input_rows, replace_dropout
from models.normalisation import IMAGENET, Normalisation
from utils.errors import ConfigError
from utils.option import nearest, option

PREFIX = "timm/"
COLUMN_LAYERS = 4
"""The number of features of a plain transformer: its last layer, and others at equal steps."""


class TimmModel(Backbone):
    """Any model of timm (Wightman, github.com/huggingface/pytorch-image-models): the last features
    at strides 8, 16 and 32 of a network that has stages; of a plain transformer (ViT), four layers
    reshaped to maps, all at the stride of its patches: the last one behind the final norm, the
    others as they are.

    Args:
        name: `timm/` and timm's name of the model.
        size: height and width of the images in pixels; a transformer is built for them.
        output_stride: the stride of the last feature; None for the model's default.
        out_indices: which features it gives, of all that a network with stages has, or of the four
            of a transformer; one before the first is what the stem gives. None: the last three, or
            these four.
    """

    version = 3  # a plain transformer's last feature is that behind its final norm

    drop_path: float | None = option(
        None,
        "the largest rate of stochastic depth in a model of timm, from 0 in its first block on "
        "(empty: the model's own)",
        at_least=0,
        below=1,
    )

    def __init__(
        self,
        name: str,
        size: tuple[int, int],
        output_stride: int | None = None,
        out_indices: Sequence[int] | None = None,
        **options: Any,
    ):
        super().__init__(**options)
        self.name = name
        name = name.removeprefix(PREFIX)
        timm = _timm(name)
        arguments: dict[str, Any] = {}
        if self.drop_path is not None:
            arguments["drop_path_rate"] = self.drop_path
        with torch.device("meta"):
            model = _bare(timm, name, arguments)
        strides = [feature["reduction"] for feature in features_of(model)]
        self.multiple = max(strides)
        check_size(size, self.multiple)
        if model.pretrained_cfg["fixed_input_size"]:
            arguments["img_size"] = size
        if output_stride not in (None, strides[-1]):
            _check_dilation(timm, name, strides[-1], output_stride)
            arguments["output_stride"] = output_stride
        self.net = _load(timm, name, self.pretrained, arguments)
        with torch.device("meta"):
            replace_dropout(self.net, input_rows(timm.create_model(name, **arguments), size))
        self.built_with = name, tuple(arguments.items()), tuple(size)
        self.grid = size[0] // strides[-1], size[1] // strides[-1]
        self.is_recomputed = False
        self._choose(strides, out_indices)
        self.net.prune_intermediate_layers(
            self.indices, prune_norm=not self.has_final_norm, prune_head=True
        )

    def _choose(self, strides: Sequence[int], out_indices: Sequence[int] | None) -> None:
        """Chooses the features that it gives."""
        infos = features_of(self.net)
        every = list(range(len(infos)))
        is_column = len(set(strides)) == 1
        if is_column:
            step = len(infos) / COLUMN_LAYERS
            every = [round(step * (n + 1)) - 1 for n in range(COLUMN_LAYERS)]
            self.levels = COLUMN_LAYERS
            self.map_of = functools.partial(_map_of_tokens, self.grid)
        kept = range(-self.levels, 0) if out_indices is None else out_indices
        places = [index if index >= 0 else len(every) + index for index in kept]
        if min(places) < -1 or (min(places) == -1 and not self._stem()):
            raise ConfigError(
                f"backbone {self.name} has {len(every)} features, and this architecture needs "
                f"{len(kept)}",
                "backbone",
            )
        self.indices = [every[place] for place in places if place >= 0]
        self.taps = [1 + every[place] if place >= 0 else 0 for place in places]
        self.channels = tuple(infos[index]["num_chs"] for index in self.indices)
        self.strides = tuple(infos[index]["reduction"] for index in self.indices)
        if self.has_stem:
            stem = self._stem()[-1]
            stride = strides[-1] if is_column else round(self.built_with[-1][0] / stem.grid[0])
            self.channels, self.strides = (stem.channels, *self.channels), (stride, *self.strides)
        norm = getattr(self.net, "norm", None)
        self.has_final_norm = is_column and isinstance(norm, nn.LayerNorm)

    def _stem(self) -> tuple[Block, ...]:
        return _blocks(self.name, *self.built_with)[0]

    @property
    def has_stem(self) -> bool:
        """Whether the first of its features is what the stem gives."""
        return self.taps[0] == 0

    @classmethod
    def published_normalisation(cls, name):
        name = name.removeprefix(PREFIX)
        published = _timm(name).get_pretrained_cfg(name)
        return Normalisation(published.mean, published.std) if published else IMAGENET

    def layers(self):
        from timm.models import group_parameters

        numbers = group_parameters(self.net, self.net.group_matcher(coarse=False), reverse=True)
        layers: dict[int, list[nn.Parameter]] = {}
        for name, parameter in self.net.named_parameters():
            layers.setdefault(numbers[name], []).append(parameter)
        return [layers[number] for number in sorted(layers)]

    def segments(self):
        return self._segments(self.taps)

    def recompute(self):
        try:
            _blocks(self.name, *self.built_with)
        except ConfigError:
            super().recompute()  # tells what to do
        self.is_recomputed = True

    def forward(self, images: Tensor) -> list[Tensor]:
        if self.is_recomputed or self.has_stem:
            return self._features_by_segments(images)
        if images.shape[0] > 0:  # not len(images), which would fix the number in an export
            return self._features(images)
        # Many of timm's models fail without images: a black one stands in, and is left out again.
        with stand_in(self.net):
            maps = self._features(images.new_zeros(1, *images.shape[1:]))
        return [features[:0] for features in maps]

    def _features(self, images: Tensor) -> list[Tensor]:
        maps = self.net.forward_intermediates(
            images, indices=self.indices, intermediates_only=True, output_fmt="NCHW"
        )
        if self.has_final_norm:
            maps[-1] = self.net.norm(maps[-1].permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return maps

    def _features_by_segments(self, images: Tensor) -> list[Tensor]:
        """The same by segments. Where they are computed again, there is one for each feature of the
        network, so that little is kept at a time."""
        taps = sorted({*self.taps, *range(1, self.taps[-1])}) if self.is_recomputed else self.taps
        maps, x = [], images
        for tap, segment in zip(taps, self._segments(taps), strict=True):
            segment.is_recomputed = self.is_recomputed
            x = segment(x)
            if tap in self.taps:
                maps.append(self.map_of(x))
        return maps

    def _segments(self, taps: Sequence[int]) -> list[TimmSegment]:
        """The network cut behind its stem (0) and its features (1, 2, …)."""
        parts = _blocks(self.name, *self.built_with)
        bounds = itertools.pairwise((0, *(tap + 1 for tap in taps)))
        merged = [tuple(itertools.chain(*parts[start:end])) for start, end in bounds]
        if self.has_final_norm:
            *before, last = merged[-1]
            merged[-1] = (*before, last._replace(names=(*last.names, "norm")))
        return segments_of(self.net, merged, self.grid)


@functools.lru_cache(maxsize=8)  # an architecture may have as many alike as there are tasks
def _blocks(
    backbone: str, name: str, arguments: tuple[tuple[str, Any], ...], size: tuple[int, int]
) -> list[tuple[Block, ...]]:
    """The blocks of a backbone: see :func:`models.backbones.timm_segments.blocks_of`.

    Raises:
        ConfigError: it does not run one stage after another.
    """
    with torch.device("meta"):
        net = _timm(name).create_model(name, **dict(arguments)).eval()
    try:
        return blocks_of(net, size)
    except NoChain as reason:
        raise ConfigError(
            f"backbone {backbone} cannot be run stage by stage: {reason}; take another, such as "
            "timm/resnet50 or timm/convnext_tiny",
            "backbone",
        ) from None


def _map_of_tokens(grid: tuple[int, int], x: Tensor) -> Tensor:
    """The map (B, C, height, width) of the patches, which are the last tokens of (B, C, tokens, 1);
    what is such a map stays as it is."""
    if tuple(x.shape[2:]) == grid:
        return x
    return x[:, :, -grid[0] * grid[1] :, 0].unflatten(2, grid)


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


def _bare(timm: ModuleType, name: str, arguments: dict[str, Any]) -> nn.Module:
    """The model without weights.

    Raises:
        ConfigError: it has no stochastic depth.
    """
    try:
        return timm.create_model(name, **arguments)
    except TypeError as error:
        if "drop_path_rate" not in str(error):
            raise
        raise ConfigError(
            f"backbone {PREFIX}{name} has no stochastic depth", "drop_path"
        ) from error


def _check_dilation(timm: ModuleType, name: str, default: int, output_stride: int) -> None:
    """Refuses a model that timm cannot dilate; each family of models fails in its own way."""
    try:
        with torch.device("meta"):
            model = timm.create_model(name, output_stride=output_stride)
        possible = features_of(model)[-1]["reduction"] == output_stride
    except Exception:
        possible = False
    if not possible:
        way_out = f"give output_stride = {default}"
        if default not in (8, 16, 32):
            way_out = "take an arch or a decoder that reads any stride, such as plain"
        raise ConfigError(
            f"backbone {PREFIX}{name} has an output stride of {default} "
            f"and cannot be dilated to {output_stride}; {way_out}",
            "output_stride",
        )


def _load(timm: ModuleType, name: str, pretrained: str, arguments: dict[str, Any]) -> nn.Module:
    if pretrained == "false":
        return timm.create_model(name, **arguments)
    if pretrained == "imagenet_v1":
        raise ConfigError(
            f"imagenet_v1 names weights of torchvision; {PREFIX}{name} has its own by true",
            "pretrained",
        )
    if pretrained == "true":
        return weights.downloaded(
            PREFIX + name, lambda: timm.create_model(name, pretrained=True, **arguments)
        )
    # timm fits a transformer's weights to another size of image while it loads them. The classifier
    # need not fit: that of a new model takes its place.
    model = timm.create_model(name, **arguments)
    classifier = model.pretrained_cfg["classifier"] or ()
    classifier = (classifier,) if isinstance(classifier, str) else tuple(classifier)
    new = {key: value for key, value in model.state_dict().items() if key.startswith(classifier)}
    state = weights.read(Path(pretrained), PREFIX + name)
    state = {key: value for key, value in state.items() if not key.startswith(classifier)}
    overlay = {"state_dict": state | new}
    try:
        return timm.create_model(name, pretrained=True, pretrained_cfg_overlay=overlay, **arguments)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise weights.unfit(pretrained, PREFIX + name, reason) from error

"""The networks: an architecture, on a backbone, with a head for each task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from models.backbones import BACKBONES, Backbone
from models.backbones.none import NoBackbone
from models.cgc import CGC
from models.cross_stitch import CrossStitch
from models.deeplab import DeepLab
from models.dselect_k import DSelectK
from models.efficientdet import EfficientDet
from models.ltb import LTB
from models.mmoe import MMoE
from models.mtan import MTAN
from models.necks import NECKS
from models.network import Network
from models.normalisation import Normalisation
from models.plain import Plain
from models.ple import PLE
from models.pspnet import PSPNet
from models.segnet_mtan import SegNetMTAN
from models.vmm import VMM
from tasks.base import BoxHead, DenseHead
from utils.errors import ConfigError
from utils.part import Choice, Registry

__all__ = ["ARCHITECTURES", "BACKBONES", "NECKS", "Network", "build", "normalisation_of"]

ARCHITECTURES = Registry(
    "architecture",
    {
        "DeepLab": DeepLab,
        "VMM": VMM,
        "EfficientDet": EfficientDet,
        "plain": Plain,
        "PSPNet": PSPNet,
        "SegNet_MTAN": SegNetMTAN,
        "cross_stitch": CrossStitch,
        "MTAN": MTAN,
        "MMoE": MMoE,
        "CGC": CGC,
        "PLE": PLE,
        "DSelect_k": DSelectK,
        "LTB": LTB,
    },
)
"""Every architecture by its name in a cfg."""


def build(
    arch: Choice,
    backbone: Choice,
    heads: Mapping[str, DenseHead | BoxHead],
    size: tuple[int, int],
) -> Network:
    """Builds a network. With one head it is the single-task network of that task.

    Under `with torch.device("meta")` it is built without memory, to be counted.

    Args:
        arch: a choice of `ARCHITECTURES`.
        backbone: a choice of `BACKBONES`.
        heads: the prediction of each task, by the task's name.
        size: height and width of the images in pixels.

    Raises:
        ConfigError: architecture, backbone, size and heads do not fit together; names the option.
    """

    if arch.part.has_own_encoder != (backbone.part is NoBackbone):
        raise ConfigError(
            f"arch {arch.name} has an encoder of its own: give backbone = none"
            if arch.part.has_own_encoder
            else f"arch {arch.name} needs a backbone, such as resnet50",
            "backbone",
        )

    def make_backbone(
        output_stride: int | None = None, out_indices: Sequence[int] | None = None
    ) -> Backbone:
        return backbone.build(backbone.name, tuple(size), output_stride, out_indices)

    architecture = arch.build()
    stride = architecture.prediction_stride
    if any(side % stride for side in size):
        raise ConfigError(
            f"arch {arch.name} predicts a number for {stride} × {stride} pixels, and the size "
            f"{size[0]} × {size[1]} is no multiple of that",
            "size",
        )
    network = architecture.network(make_backbone, heads)
    network.prediction_stride = stride
    return network


def normalisation_of(backbone: Choice) -> Normalisation:
    """How images are normalised for a choice of `BACKBONES`, found without building it.

    Raises:
        ConfigError: the package of the backbone is missing.
    """
    return backbone.part.normalisation(backbone.name, backbone.value("normalise"))

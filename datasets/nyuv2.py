"""NYU depth v2 as MTAN ships it: 795 + 654 images, all with 13 classes, depth and normals."""

from __future__ import annotations

from datasets.formats.class_masks import ClassMask
from datasets.formats.depth_maps import DepthMap
from datasets.formats.normal_maps import NormalMap
from datasets.mtan import MTANDataset

CLASSES = (
    "bed", "books", "ceiling", "chair", "floor", "furniture", "objects", "picture", "sofa", "table",
    "tv", "wall", "window",
)  # fmt: skip


class NYUv2(MTANDataset):
    """`NYUv2/train` and `val` (the test set), each with `image`, `label`, `depth` and `normal`:
    floats in [0, 1], classes with -1 for void, metres and vectors, of 288 × 384 pixels."""

    folder = "NYUv2"
    signs = ("train/normal", "val/normal")
    labels = {"segmentation": CLASSES, "depth": (), "normal": ()}
    formats = {
        "segmentation": (("label",), ClassMask(CLASSES, void=-1)),
        "depth": (("depth",), DepthMap(unit=1.0)),
        "normal": (("normal",), NormalMap()),
    }
    expected = {
        "train": dict.fromkeys(("images", *labels), 795),
        "test": dict.fromkeys(("images", *labels), 654),
    }
    list_columns = ("segmentation", "depth", "normal")

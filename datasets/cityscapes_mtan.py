"""Cityscapes as MTAN ships it: 2,975 + 500 streets, all with 7 classes and inverse depth."""

from __future__ import annotations

from datasets.formats.class_masks import ClassMask
from datasets.formats.number_maps import NumberMap
from datasets.mtan import MTANDataset

CLASSES = ("flat", "construction", "object", "nature", "sky", "human", "vehicle")
"""Cityscapes' categories of classes."""


class CityscapesMTAN(MTANDataset):
    """`Cityscapes_MTAN/train` and `val` (the test set), each with `image`, `label` (`label_7` in
    later packings, beside `label_19`) and `depth`: floats in [0, 1], classes with -1 for void, and
    inverse depths with 0 for none, of 128 × 256 pixels."""

    folder = "Cityscapes_MTAN"
    other_folders = ("cityscapes2",)
    signs = ("train/label", "train/label_7", "val/label", "val/label_7")
    foreign_signs = ("train/normal", "val/normal")  # NYUv2's
    labels = {"segmentation": CLASSES, "inverse_depth": ()}
    formats = {
        "segmentation": (("label", "label_7"), ClassMask(CLASSES, void=-1)),
        "inverse_depth": (("depth",), NumberMap()),
    }
    expected = {
        "train": dict.fromkeys(("images", *labels), 2_975),
        "test": dict.fromkeys(("images", *labels), 500),
    }
    list_columns = ("segmentation", "inverse_depth")
    refused_protocols = {
        "random-label": "it has labels for two tasks, and MTPSL (Li et al., CVPR 2022) has no "
        "random-label protocol for it, which would be one-label drawn anew",
    }

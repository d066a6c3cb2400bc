"""Datasets, one file each, and the merger that makes one partially annotated dataset of them."""

from __future__ import annotations

from datasets.base import Dataset, Sample, Split
from datasets.cityscapes import Cityscapes
from datasets.cityscapes_mtan import CityscapesMTAN
from datasets.coco import COCO
from datasets.hme import HME
from datasets.nyu import NYU
from datasets.nyud_mt import NYUDMT, NYUDv2
from datasets.nyuv2 import NYUv2
from datasets.pascal_context import PascalContext, PascalMT
from datasets.taskonomy import Taskonomy
from datasets.voc import VOC
from utils.part import Registry

__all__ = ["DATASETS", "Dataset", "Sample", "Split"]

DATASETS = Registry(
    "dataset",
    {
        "VOC": VOC,
        "NYU": NYU,
        "NYUD_MT": NYUDMT,
        "NYUDv2": NYUDv2,
        "NYUv2": NYUv2,
        "PASCALContext": PascalContext,
        "PASCAL_MT": PascalMT,
        "COCO": COCO,
        "Cityscapes": Cityscapes,
        "Cityscapes_MTAN": CityscapesMTAN,
        "Taskonomy": Taskonomy,
        "HME": HME,
    },
    aliases={"NYU_MT": "NYUD_MT"},
)
"""Every dataset by its name in a cfg, the official code's names among them."""

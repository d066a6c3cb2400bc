"""COCO 2017 (Lin et al., ECCV 2014): 118,287 + 5,000 images, all with boxes, and with masks made of
the outlines of their objects."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from datasets.base import Sample, Source
from datasets.presence import require_listed

if TYPE_CHECKING:
    from tasks.coco_json import CocoAnnotations

OBJECTS = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat",
    "traffic light", "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog",
    "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella",
    "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard", "sports ball", "kite",
    "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
    "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange",
    "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant",
    "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone",
    "microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors",
    "teddy bear", "hair drier", "toothbrush",
)  # fmt: skip
"""The 80 objects, in the order of their category numbers."""

CLASSES = {"detection": OBJECTS, "segmentation": ("background", *OBJECTS)}
_PARTS = {"train": "train2017", "test": "val2017"}


def read(root: Path, split: str) -> Source:
    """Reads `train2017` and `val2017` (the test set) of `root/mscoco`, as the file of
    `annotations/instances_*.json` lists them. An image without objects is one that shows none."""
    folder, part = root / "mscoco", _PARTS[split]
    path = folder / "annotations" / f"instances_{part}.json"
    annotations = _annotations(path, path.stat().st_mtime_ns if path.is_file() else 0)
    images = [folder / part / name for name in annotations.names]
    require_listed(images, path)
    samples = []
    for image, name in zip(images, annotations.names, strict=True):
        samples.append(Sample(image, dict.fromkeys(CLASSES, annotations.label(name))))
    return Source("COCO", tuple(samples), CLASSES)


@lru_cache(maxsize=2)
def _annotations(path: Path, changed: int) -> CocoAnnotations:
    """A file takes some 20 s to parse, and is read for every run of an experiment. `changed` tells
    apart what was in it at other times."""
    # Not above: with the tasks comes torch, and rendering scenes does without.
    from tasks.coco_json import CocoAnnotations

    return CocoAnnotations.load(path, OBJECTS)
